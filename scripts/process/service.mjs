// Cairn itself as a child process: start it, wait until it is ready, stop it.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { exitOf, keepTail, stopChild, tieToParent } from './children.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const READY_WITHIN_MS = 120_000;
// Beyond the service's own drain time, so that this limit is met only by a service that hangs.
const STOP_SLACK_MS = 15_000;

/**
 * Starts `dist/src/main.js` with `env` on top of this process's environment. Its output goes to `logFile` where
 * one is given, to this process's own output otherwise.
 */
export function startService({ env, logFile }) {
  const environment = { ...process.env, ...env };
  const child = spawn(process.execPath, ['dist/src/main.js'], {
    cwd: ROOT,
    env: environment,
    // A process group of its own: Ctrl-C reaches it once, as the signal that its parent passes on.
    detached: process.platform !== 'win32',
    stdio: ['ignore', logFile ? 'pipe' : 'inherit', logFile ? 'pipe' : 'inherit'],
  });
  tieToParent(child);

  let tail = () => '';
  if (logFile) {
    const file = createWriteStream(logFile);
    child.stdout.pipe(file, { end: false });
    child.stderr.pipe(file, { end: false });
    child.once('close', () => file.end());
    const tails = [keepTail(child.stdout), keepTail(child.stderr)];
    tail = () => tails.map((read) => read()).join('');
  }

  const url = `http://${reachable(environment.HOST)}:${environment.PORT}`;
  const drainMs = Number(environment.CAIRN_DRAIN_TIMEOUT_MS || 60_000);
  const exited = Promise.race([exitOf(child), failedToStart(child)]);
  return {
    url,
    child,
    exited,
    tail,
    ready: (options) => untilReady(url, exited, options),
    stop: (graceMs = drainMs + STOP_SLACK_MS) => stopChild(child, graceMs),
  };
}

/** Polls `/readyz` until it answers 200. Throws when the service ends first or takes too long. */
async function untilReady(url, exited, { signal, timeoutMs = READY_WITHIN_MS } = {}) {
  let end;
  exited.then((how) => (end = how));
  const started = performance.now();
  let last = 'no answer';
  while (performance.now() - started < timeoutMs) {
    signal?.throwIfAborted();
    if (end) {
      const how = end.error?.message ?? (end.signal ? `by ${end.signal}` : `with exit code ${end.code}`);
      throw new Error(`The service ended before it was ready (${how}).`);
    }
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
      const body = await response.text();
      if (response.status === 200) return;
      last = `${response.status} ${body.slice(0, 300)}`;
    } catch (error) {
      last = error.cause?.code ?? error.message;
    }
    await sleep(150, undefined, { signal });
  }
  throw new Error(`The service was not ready after ${timeoutMs / 1000} s; ${url}/readyz said: ${last}`);
}

function failedToStart(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, signal: null, error }));
  });
}

/** The address at which this machine reaches a server that listens on `host`. */
function reachable(host) {
  if (!host || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
