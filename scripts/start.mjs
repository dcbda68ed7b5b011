// Cairn on this machine: API and worker in one process, with a private Redis that keeps its data under .cairn/.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { shellCode } from './process/children.mjs';
import { isUnused } from './process/ports.mjs';
import { startService, untilAccepting } from './process/service.mjs';
import { onSignals } from './process/signals.mjs';
import { checkReachable } from './redis/probe.mjs';
import { openRedis } from './redis.mjs';
import { readOptions } from './setup/options.mjs';
import { takeLock } from './setup/lock.mjs';
import { fail, setup } from './setup.mjs';

const CAIRN = fileURLToPath(new URL('../.cairn', import.meta.url));
const STOP_WITHOUT_REDIS_MS = 5_000;
const USAGE = `npm start

Serves the API and runs a worker until Ctrl-C. Environment variables configure it; docs/configuration.md lists them all:

  PORT       the API's port (8080)
  HOST       the API's address (127.0.0.1)
  REDIS_URL  a Redis to use; without it a private one runs on an unused port, with its data in .cairn/redis
  NO_COLOR   1 for a log without colours
`;

const print = (text) => process.stderr.write(`start  ${text}\n`);

async function start() {
  const host = process.env.HOST ?? '127.0.0.1';
  const port = process.env.PORT ?? '8080';
  // Before the setup, which may take minutes.
  await checkPort(port, host);
  if (process.env.REDIS_URL) await checkReachable(process.env.REDIS_URL);
  // Two Redis servers on the same files would corrupt them.
  const release = await takeLock(join(CAIRN, 'start.lock'), ({ pid }) => {
    throw new Error(`npm start already runs from this folder (process ${pid}). Stop it first.`);
  });
  try {
    await setup();
    const redis = await openRedis({ dataDir: join(CAIRN, 'redis') });
    try {
      return await serve(redis, host, port);
    } finally {
      await redis.stop();
    }
  } finally {
    await release();
  }
}

async function checkPort(port, host) {
  if (!/^\d{1,5}$/.test(port) || port > 65_535) throw new Error(`PORT must be a port number; it is "${port}".`);
  if (port === '0' || (await isUnused(Number(port), host))) return;
  let free = Number(port) + 1;
  while (!(await isUnused(free, host)) && free < 65_535) free++;
  throw new Error(`Port ${port} of ${host} is in use. Choose another one:  PORT=${free} npm start`);
}

/** Runs the service until it ends or a signal stops it; resolves with the exit code. */
async function serve(redis, host, port) {
  const dataDir = process.env.CAIRN_DATA_DIR ?? join(CAIRN, 'data');
  await mkdir(dataDir, { recursive: true });
  const service = startService({
    env: {
      ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
      ...process.env,
      ...{ ROLE: 'all', HOST: host, PORT: port, REDIS_URL: redis.url, CAIRN_DATA_DIR: dataDir },
    },
    stdout: process.stdout,
    stderr: process.stderr,
    keep: 10_000,
  });
  let stopping = false;
  const starting = new AbortController();
  const stop = (graceMs) => {
    stopping = true;
    starting.abort();
    return service.stop(graceMs);
  };
  const offSignals = onSignals((signal, count) => {
    if (count > 1) {
      print('stopping at once');
      service.process.kill('SIGKILL');
      return;
    }
    print(`${signal}: finishing the running jobs; repeat the signal to stop at once`);
    void stop();
  });
  let redisEnded = false;
  void redis.exited.then(() => {
    if (stopping) return;
    redisEnded = true;
    print('Redis ended; stopping the service. Queued jobs are on disk and continue at the next start.');
    // Running jobs cannot report that they are done: there is nothing to wait for.
    void stop(STOP_WITHOUT_REDIS_MS);
  });

  let failed = false;
  try {
    await service.ready({ signal: starting.signal });
    await untilAccepting(service.url, { signal: starting.signal });
    print(`Cairn serves on ${service.url} (${service.url}/docs). Ctrl-C stops it.`);
  } catch (error) {
    if (!stopping) {
      failed = true;
      await stop();
      fail(error);
    }
  }
  const end = await service.exited;
  const asked = stopping && !redisEnded && !failed && end.signal !== 'SIGKILL';
  stopping = true;
  offSignals();
  return asked ? (end.code ?? 0) : shellCode(end) || 1;
}

try {
  if (readOptions(USAGE)) process.exitCode ||= await start();
} catch (error) {
  fail(error);
}
