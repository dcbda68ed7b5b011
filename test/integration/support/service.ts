import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../dist/src/main.js', import.meta.url));
const START_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 30_000;

export interface Service {
  readonly process: ChildProcess;
  /** Origin of the API; empty for a worker. */
  readonly url: string;
  /** Everything the process has written so far. */
  log(): string;
  /** Sends the signal and waits for the end; resolves with the exit status, null when a signal ended it. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the real service as a process of its own, on an unused port. */
export async function startService(role: 'api' | 'worker' | 'all', env: Record<string, string>): Promise<Service> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], ROLE: role, PORT: '0', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      // A service that hangs fails its test by its status, not by hanging the tests.
      const overdue = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
      await ended;
      clearTimeout(overdue);
    }
    return child.exitCode;
  };
  const ready = role === 'api' ? /listening on (\S+)/ : /working on jobs/;
  await until(
    () => ready.test(log) || child.exitCode !== null,
    START_TIMEOUT_MS,
    () => `no start: ${log}`,
  );
  if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}: ${log}`);
  return { process: child, url: /listening on (\S+)/.exec(log)?.[1] ?? '', log: () => log, end };
}

/** Waits until `test` holds; fails with `explain` when it does not in time. */
export async function until(
  test: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
  explain: () => string = () => 'it never came true',
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`after ${timeoutMs} ms: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A folder that is removed with everything in it when the tests are over. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cairn-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
