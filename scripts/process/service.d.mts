// Types of service.mjs for the tests and benchmarks that import it.
import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface RunningService {
  readonly process: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null; error?: Error }>;
  /** Origin of the API; empty for a worker, and until the API listens. */
  readonly url: string;
  log(): string;
  ready(options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<void>;
  /** Sends the signal, and SIGKILL after `graceMs`; resolves when the process has ended. Safe to call again. */
  stop(graceMs?: number, signal?: NodeJS.Signals): Promise<void>;
}

export interface ServiceOptions {
  /** The whole environment of the process. */
  env: NodeJS.ProcessEnv;
  /** The checkout to run; this one when left out. */
  root?: string;
  /** The program, from `root`; the service's own when left out. */
  main?: string;
  /** The cores it may run on, as `taskset -c` takes them: `0`, `0,1`, `0-3`. */
  cpus?: string;
  stdout?: Writable;
  stderr?: Writable;
  /** How many characters of output `log()` keeps; all of them when left out. */
  keep?: number;
}

export function startService(options: ServiceOptions): RunningService;
export function untilAccepting(url: string, options?: { signal?: AbortSignal }): Promise<void>;
