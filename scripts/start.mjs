// Cairn on this machine: API and worker in one process, with a private Redis whose data stays under .cairn/.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { shellCode } from './process/children.mjs';
import { nextUnusedPort } from './process/ports.mjs';
import { startService } from './process/service.mjs';
import { onSignals } from './process/signals.mjs';
import { openRedis } from './redis.mjs';
import { takeLock } from './setup/lock.mjs';
import { fail, setup } from './setup.mjs';

const CAIRN = fileURLToPath(new URL('../.cairn', import.meta.url));
const DEFAULT_PORT = 8080;
const STOP_WITHOUT_REDIS_MS = 5_000;

const print = (text) => process.stderr.write(`start  ${text}\n`);

async function start() {
  await setup();
  // Two Redis servers on the same files would spoil them.
  const release = await takeLock(join(CAIRN, 'start.lock'), ({ pid }) => {
    throw new Error(`npm start already runs from this folder (process ${pid}). Stop that one first.`);
  });
  try {
    const redis = await openRedis({ dataDir: join(CAIRN, 'redis') });
    try {
      return await serve(redis);
    } finally {
      await redis.stop();
    }
  } finally {
    await release();
  }
}

/** Runs the service until it ends or a signal asks for it; resolves with the exit code. */
async function serve(redis) {
  const dataDir = process.env.CAIRN_DATA_DIR ?? join(CAIRN, 'data');
  await mkdir(dataDir, { recursive: true });
  const host = process.env.HOST ?? '127.0.0.1';
  const port = process.env.PORT ?? String(await nextUnusedPort(DEFAULT_PORT, host));

  const service = startService({
    env: { ROLE: 'all', HOST: host, PORT: port, REDIS_URL: redis.url, CAIRN_DATA_DIR: dataDir },
  });
  let asked = false;
  const offSignals = onSignals((signal, count) => {
    if (count > 1) {
      print('stopping at once');
      service.child.kill('SIGKILL');
      return;
    }
    asked = true;
    print(`${signal}: letting the running jobs finish; once more stops at once`);
    void service.stop();
  });
  let redisEnded = false;
  void redis.exited.then(() => {
    redisEnded = true;
    if (!asked) print('Redis ended; stopping the service. Queued jobs are on disk and go on at the next start.');
    // What runs cannot report that it is done, so there is nothing to wait for.
    void service.stop(STOP_WITHOUT_REDIS_MS);
  });

  try {
    await service.ready().then(
      () => print(`Cairn serves on ${service.url} (${service.url}/docs). Ctrl-C stops it.`),
      async (error) => {
        if (!asked) fail(error);
        await service.stop();
      },
    );
    const end = await service.exited;
    return asked && !redisEnded && end.signal !== 'SIGKILL' ? (end.code ?? 0) : shellCode(end) || 1;
  } finally {
    offSignals();
  }
}

try {
  const code = await start();
  process.exitCode ||= code;
} catch (error) {
  fail(error);
}
