import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService as startProcess } from '../../../scripts/process/service.mjs';

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
  const service = startProcess({
    env: { PATH: process.env['PATH'], ROLE: role, PORT: '0', NO_COLOR: '1', CAIRN_URL_ALLOW: '127.0.0.1', ...env },
  });
  const child = service.process;
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    // A service that hangs fails its test by its status, not by hanging the tests.
    await service.stop(END_TIMEOUT_MS, signal);
    return child.exitCode;
  };
  try {
    await service.ready({ timeoutMs: START_TIMEOUT_MS });
  } catch (error) {
    await end('SIGKILL');
    throw new Error(`${String(error)}\n${service.log()}`, { cause: error });
  }
  return { process: child, url: service.url, log: () => service.log(), end };
}

export const ENDED_WELL = { status: 0, log: '' };

/** How a service ends: where that is not well, the end of its log says what it was waiting for. */
export async function endOf(
  service: Service,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<{ readonly status: number | null; readonly log: string }> {
  const status = await service.end(signal);
  return { status, log: status === 0 ? '' : service.log().slice(-2000) };
}

/** Waits until `test` holds; fails with `explain` when it does not in time. */
export async function until(
  test: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
  explain: () => string = () => 'it never came true',
): Promise<void> {
  // Not by the clock, which tests set.
  const deadline = performance.now() + timeoutMs;
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`after ${timeoutMs} ms: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A folder to be removed, with everything in it, when the tests are over. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cairn-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
