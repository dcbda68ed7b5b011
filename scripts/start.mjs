// Cairn on this machine: API and worker in one process, with a private Redis that keeps its data under .cairn/.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { shellCode } from './process/children.mjs';
import { endWithNpm } from './process/npm.mjs';
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
/** Before the first restart of what ended by itself; twice as long before each further one. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
/** What ran for this long is restarted as if for the first time. */
const HEALTHY_MS = 60_000;
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
    return await new Run(host, port).untilStopped();
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

/** The service and its Redis, each restarted when it dies, until a signal stops both. */
class Run {
  stopping = false;
  failed = false;
  starting = new AbortController();
  password = randomBytes(32).toString('hex');

  constructor(host, port) {
    Object.assign(this, { host, port });
  }

  /** Resolves with the exit code. Throws where one of the two does not start the first time. */
  async untilStopped() {
    this.dataDir = process.env.CAIRN_DATA_DIR ?? join(CAIRN, 'data');
    await mkdir(this.dataDir, { recursive: true, mode: 0o700 });
    await this.startRedis();
    const offSignals = onSignals((signal, count) => {
      if (count === 1) print(`${signal}: finishing the running jobs; repeat the signal to stop at once`);
      else print('stopping at once');
      if (count === 1) void this.stop();
      else this.service?.process.kill('SIGKILL');
    });
    try {
      return await this.keepServing();
    } finally {
      this.stopping = true;
      offSignals();
      await this.redis.stop();
    }
  }

  async keepServing() {
    const { signal } = this.starting;
    const pause = new Backoff(signal);
    for (let first = true; ; first = false) {
      this.launch();
      try {
        await this.service.ready({ signal });
        await untilAccepting(this.service.url, { signal });
        // PORT=0 chooses one; after a restart it is the same.
        this.port = new URL(this.service.url).port;
        print(`Cairn serves on ${this.service.url} (${this.service.url}/docs). Ctrl-C stops it.`);
      } catch (error) {
        if (!this.stopping && first) {
          this.failed = true;
          await this.stop();
          throw error;
        }
        if (!this.stopping) print(error.message);
      }
      const end = await this.service.exited;
      if (this.stopping) return this.failed || end.signal === 'SIGKILL' ? shellCode(end) || 1 : (end.code ?? 0);
      if (end.code === 0) return 0; // something has sent SIGTERM to the service itself
      const delayMs = pause.next();
      print(`The service ${howEnded(end)}; its jobs are kept. It is started again in ${delayMs / 1000} s.`);
      await pause.wait(delayMs);
      if (this.stopping) return 0;
    }
  }

  launch() {
    this.service = startService({
      env: {
        ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
        ...process.env,
        ...{ ROLE: 'all', HOST: this.host, PORT: this.port },
        ...{ REDIS_URL: this.redis.url, CAIRN_DATA_DIR: this.dataDir },
      },
      stdout: process.stdout,
      stderr: process.stderr,
      keep: 10_000,
    });
  }

  async startRedis() {
    const { password } = this;
    const port = this.redis?.port;
    this.redis = await openRedis({ dataDir: join(CAIRN, 'redis'), password, ...(port && { port }) });
    this.redis.exited.then(() => this.stopping || this.restartRedis()).catch(fail);
  }

  /** Queued jobs are on disk, and the service waits for Redis meanwhile. */
  async restartRedis() {
    this.redisPause ??= new Backoff(this.starting.signal);
    const delayMs = this.redisPause.next();
    print(`Redis ended; it is started again in ${delayMs / 1000} s.`);
    await this.redisPause.wait(delayMs);
    if (this.stopping) return;
    try {
      await this.startRedis();
      if (this.stopping) await this.redis.stop();
    } catch (error) {
      fail(error);
      this.failed = true;
      print(
        'Redis does not start again; stopping the service. Queued jobs are on disk and continue at the next start.',
      );
      // Running jobs cannot report that they are done: there is nothing to wait for.
      await this.stop(STOP_WITHOUT_REDIS_MS);
    }
  }

  async stop(graceMs) {
    this.stopping = true;
    this.starting.abort();
    await this.service?.stop(graceMs);
  }
}

/** How long to wait before what has died is started again. */
class Backoff {
  started = performance.now();
  delayMs = FIRST_DELAY_MS / 2;

  constructor(signal) {
    this.signal = signal;
  }

  next() {
    const healthy = performance.now() - this.started >= HEALTHY_MS;
    return (this.delayMs = healthy ? FIRST_DELAY_MS : Math.min(2 * this.delayMs, MAX_DELAY_MS));
  }

  /** Also ends once the whole run is stopped. */
  async wait(delayMs) {
    await sleep(delayMs, undefined, { signal: this.signal }).catch(() => {});
    this.started = performance.now();
  }
}

function howEnded({ code, signal }) {
  return signal ? `was ended by ${signal}` : `ended with status ${code}`;
}

try {
  if (readOptions(USAGE)) {
    endWithNpm();
    process.exitCode ||= await start();
  }
} catch (error) {
  fail(error);
}
