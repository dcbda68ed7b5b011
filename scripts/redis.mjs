// A Redis to work with: find one, or start a private one. Used by start, demo, bench and the tests.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { exitOf, hasExited, keepTail, stopChild, tieToParent } from './process/children.mjs';
import { isUnused, unusedPort } from './process/ports.mjs';
import { installCommand, installServer } from './redis/install.mjs';
import { locateServer } from './redis/locate.mjs';
import { checkReachable, servingPid } from './redis/probe.mjs';

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 5_000;
const PORT_ATTEMPTS = 5;

/**
 * `REDIS_URL` where it is set, else a server program on the PATH, else one that the system's package manager installs,
 * else an error with the command to run. `own`: the caller wants to start and stop servers itself, so a program is
 * preferred to `REDIS_URL`.
 */
export async function findRedisServer({ own = false } = {}) {
  const url = process.env.REDIS_URL;
  if (url && !own) return { kind: 'url', url };
  let path = locateServer();
  if (path) return { kind: 'binary', path };

  const reason = await installServer();
  path = locateServer();
  if (path) return { kind: 'binary', path };
  if (url) return { kind: 'url', url };
  throw new Error(`Cairn needs a Redis server, and none could be installed: ${reason}.\n${advice()}`);
}

/**
 * The Redis at `REDIS_URL` where it is set (its `stop()` leaves it running), else a private one, with a password: other users
 * of the machine can reach its port.
 */
export async function openRedis(options) {
  const url = process.env.REDIS_URL;
  if (!url) return startPrivateRedis({ password: randomBytes(32).toString('hex'), ...options });
  await checkReachable(url);
  return { url, exited: new Promise(() => {}), stop: async () => {} };
}

/**
 * Starts a private Redis on a loopback port, and resolves when it answers. With a `dataDir` it keeps its data there
 * (append-only file), so that a later call with the same `dataDir` continues with them.
 * With a `password`, its URL contains it, and no one else gets in; its data are for this user only in any case.
 * `settings` are further ones of redis.conf, by name, and `env` further variables of its environment.
 */
export async function startPrivateRedis({
  dataDir,
  port,
  password,
  appendonly = dataDir !== undefined,
  settings = {},
  env = {},
} = {}) {
  const binary = locateServer();
  if (!binary) throw new Error(`There is no redis-server or valkey-server on the PATH.\n${advice()}`);
  if (port !== undefined && !(await isUnused(port))) {
    throw new Error(`Port ${port} is in use: stop the program that listens there, or let the port be chosen.`);
  }
  const scratch = dataDir === undefined ? await mkdtemp(join(tmpdir(), 'cairn-redis-')) : undefined;
  const folder = resolve(dataDir ?? scratch);
  try {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o700);
    for (let attempt = 1; ; attempt++) {
      try {
        return await launch(binary, {
          folder,
          scratch,
          appendonly,
          further: { ...settings, ...(password !== undefined && { requirepass: password }) },
          env,
          password,
          port: port ?? (await unusedPort()),
        });
      } catch (error) {
        // Another process took the port after it was found unused.
        if (!error.portTaken || port !== undefined || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    if (scratch) await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}

async function launch(binary, { folder, scratch, appendonly, further, env, password, port }) {
  const settings = {
    port,
    bind: '127.0.0.1',
    'protected-mode': 'yes',
    dir: folder,
    // BullMQ's keys are the queue itself: evicting one loses a job.
    'maxmemory-policy': 'noeviction',
    appendonly: appendonly ? 'yes' : 'no',
    // On the disk before the reply: what was accepted survives a power cut.
    appendfsync: 'always',
    save: '',
    daemonize: 'no',
    ...further,
  };
  const child = spawn(binary, ['-'], {
    // Outside the terminal's foreground process group: after Ctrl-C the service still needs Redis while it drains.
    detached: process.platform !== 'win32',
    stdio: ['pipe', 'pipe', 'pipe'],
    // Redis 7 refuses to start under a locale that is not installed.
    env: { ...process.env, ...env, LC_ALL: 'C' },
  });
  child.once('error', () => {}); // `hasExited` detects this: there is no pid
  tieToParent(child);
  // Not as arguments: every user of the machine can read those.
  child.stdin.on('error', () => {}); // a server that ended at once says why in its log
  child.stdin.end(Object.entries(settings).map(settingLine).join(''));
  const output = [keepTail(child.stdout), keepTail(child.stderr)];

  try {
    await untilServing(child, port, password);
  } catch (cause) {
    await stopChild(child, STOP_WITHIN_MS);
    const log = output.map((read) => read()).join('');
    const error = new Error(`${binary} did not start on port ${port}: ${cause.message}\n${log.trimEnd()}`);
    error.portTaken = /address already in use|failed listening on port/i.test(log);
    throw error;
  }

  let stopped;
  const stop = async () => {
    await stopChild(child, STOP_WITHIN_MS);
    if (scratch) await rm(scratch, { recursive: true, force: true });
  };
  return {
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    pid: child.pid,
    port,
    exited: exitOf(child),
    stop: () => (stopped ??= stop()),
  };
}

/** A line of redis.conf, its value in quotes: folders may have spaces in their names. */
function settingLine([name, value]) {
  return `${name} "${String(value).replace(/["\\]/g, '\\$&')}"\n`;
}

/** Resolves when this child answers, rather than another server on the same port. */
async function untilServing(child, port, password) {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadline) {
    if (hasExited(child)) throw new Error('it ended at once');
    if ((await servingPid(port, password)) === child.pid) return;
    await sleep(25);
  }
  throw new Error(`no answer within ${READY_WITHIN_MS / 1000} s`);
}

function advice() {
  const command = installCommand();
  const install = command ? `Install one:  ${command}` : 'Install redis-server (or valkey-server)';
  return `${install}\nor set REDIS_URL to a running one (redis://host:6379), then run this again.`;
}
