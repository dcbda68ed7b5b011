// Cairn itself as a child process: start it, wait until it is ready, stop it. Used by start, demo, bench and the tests.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { exitOf, stopChild, tieToParent } from './children.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Log lines that say that a role works. */
const READY = { api: /listening on ([^\s"\x1b]+)[\s"\x1b]/, worker: /working on jobs/, all: /working on jobs/ };
const READY_WITHIN_MS = 120_000;
const PROBES = 15;
const PROBE_EVERY_MS = 1_000;
// Beyond the service's own drain time: only a service that hangs meets this limit.
const STOP_SLACK_MS = 15_000;

/**
 * Starts `main` of the checkout `root` with `env` as its whole environment, and returns at once. Its output can be read with
 * `log()`, which keeps the last `keep` characters, and is also written to `stdout` and `stderr` where they are given.
 * `cpus` restricts it to these cores from its start, so that its libraries count no others (`taskset` of util-linux).
 * The process ends with this one, however this one ends.
 */
export function startService({ env, root = ROOT, main = 'dist/src/main.js', cpus, stdout, stderr, keep = Infinity }) {
  const command = [...(cpus === undefined ? [] : ['taskset', '-c', cpus]), process.execPath, join(root, main)];
  const child = spawn(command[0], command.slice(1), {
    env,
    // A process group of its own: the parent alone passes Ctrl-C on.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  tieToParent(child);
  if (stdout) child.stdout.pipe(stdout, { end: false });
  if (stderr) child.stderr.pipe(stderr, { end: false });

  let text = '';
  let url = '';
  const ready = new Promise((resolve) => {
    const listen = (chunk) => {
      text += chunk;
      url ||= READY.api.exec(text)?.[1] ?? '';
      if (READY[env.ROLE ?? 'all'].test(text)) resolve();
      text = text.slice(-Math.max(keep, 1_000));
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', listen);
  });
  const failedToStart = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, signal: null, error }));
  });
  const exited = Promise.race([exitOf(child), failedToStart]);
  const drainMs = Number(env.CAIRN_DRAIN_TIMEOUT_MS || 60_000);
  return {
    process: child,
    exited,
    /** Origin of the API; empty for a worker, and until the API listens. */
    get url() {
      return url;
    },
    log: () => text,
    ready: (options) => untilReady(ready, exited, options),
    stop: (graceMs = drainMs + STOP_SLACK_MS, signal = 'SIGTERM') => stopChild(child, graceMs, signal),
  };
}

/** Resolves when the service has said that it works. Throws when it ends first or takes too long. */
async function untilReady(ready, exited, { signal, timeoutMs = READY_WITHIN_MS } = {}) {
  const over = new AbortController();
  const limits = signal ? AbortSignal.any([over.signal, signal]) : over.signal;
  const late = sleep(timeoutMs, 'late', { signal: limits });
  try {
    const first = await Promise.race([ready, exited, late]);
    if (first === undefined) return;
    if (first === 'late') throw new Error(`The service was not ready after ${timeoutMs / 1000} s.`);
    const how = first.error?.message ?? (first.signal ? `by ${first.signal}` : `with exit code ${first.code}`);
    throw new Error(`The service ended before it was ready (${how}).`);
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    late.catch(() => {});
    over.abort();
  }
}

/** Waits for `/readyz`, which includes the queue. Throws with the reason of the last answer. */
export async function untilAccepting(url, { signal } = {}) {
  let last;
  for (let probe = 0; probe < PROBES; probe++) {
    if (probe > 0) await sleep(PROBE_EVERY_MS, undefined, { signal });
    const response = await fetch(`${url}/readyz`, { signal });
    const text = await response.text();
    if (response.ok) return;
    last = `${response.status} ${text.slice(0, 300)}`;
  }
  throw new Error(`The service accepts no jobs; ${url}/readyz answers: ${last}`);
}
