import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CairnError } from './errors.js';
import type { Log } from './log.js';

export type ProcessEnv = Readonly<Record<string, string | undefined>>;

/** A child process to run. */
export interface ChildSpec {
  /** Its name in the log. */
  readonly name: string;
  /** Its whole environment. */
  readonly env: ProcessEnv;
}

export interface SupervisorOptions {
  /** Program and arguments, the same for all. */
  readonly command: readonly [string, ...string[]];
  readonly children: readonly ChildSpec[];
  /** How long a child may take to end after SIGTERM before it is killed. */
  readonly killAfterMs: number;
  /** The delay before the first restart; it doubles with each further one, up to `maxDelayMs`. */
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
  /** A child that has run for this long resets the delay. */
  readonly healthyMs?: number;
  readonly log: Log;
}

/** Runs child processes and restarts each that ends, until all are stopped. */
export class Supervisor {
  private readonly monitors: readonly ChildMonitor[];

  constructor(options: SupervisorOptions) {
    this.monitors = options.children.map((child) => new ChildMonitor(child, options));
  }

  /** Starts all; returns at once. */
  start(): void {
    for (const monitor of this.monitors) monitor.start();
  }

  /** SIGTERM to all; resolves when all have ended, by themselves or by SIGKILL. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all(this.monitors.map((monitor) => monitor.stop()));
  }
}

/** Runs one child process and restarts it. */
class ChildMonitor {
  private readonly stopping = new AbortController();
  private child: ChildProcess | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly spec: ChildSpec,
    private readonly options: SupervisorOptions,
  ) {}

  start(): void {
    this.running ??= this.keepRunning();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.child?.kill('SIGTERM');
    const overdue = setTimeout(() => {
      if (this.child) this.options.log.warn(`${this.spec.name} did not stop and is killed`);
      this.child?.kill('SIGKILL');
    }, this.options.killAfterMs);
    await this.running;
    clearTimeout(overdue);
  }

  private async keepRunning(): Promise<void> {
    const { firstDelayMs = 1000, maxDelayMs = 60_000, healthyMs = 60_000, log } = this.options;
    const { signal } = this.stopping;
    const stopping = () => signal.aborted;
    for (let delay = firstDelayMs; ; delay = Math.min(2 * delay, maxDelayMs)) {
      const startedAt = performance.now();
      const end = await this.runOnce().catch((error: unknown) => `did not start (${String(error)})`);
      if (stopping()) return;
      if (performance.now() - startedAt >= healthyMs) delay = firstDelayMs;
      log.warn(`${this.spec.name} ${end}; restarting in ${delay / 1000} s`);
      await sleep(delay, undefined, { signal }).catch(() => undefined);
      if (stopping()) return;
    }
  }

  /** Resolves when the process has ended, with how it ended. */
  private async runOnce(): Promise<string> {
    const [program, ...args] = this.options.command;
    // The IPC channel carries nothing: the child notices by its end that the supervisor is gone.
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const child = spawn(program, args, { env: this.spec.env, stdio: [...stdio] });
    this.child = child;
    try {
      if (child.pid !== undefined) this.options.log.log(`${this.spec.name} is process ${child.pid}`);
      const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      return signal ? `was ended by ${signal}` : `ended with status ${status}`;
    } finally {
      this.child = undefined;
    }
  }
}

/**
 * One worker process per device, which sees no other device. NVIDIA's libraries obey `CUDA_VISIBLE_DEVICES`, AMD's
 * `HIP_VISIBLE_DEVICES`; where one is set already, as by Slurm, indices count what it lists.
 *
 * @throws CairnError `option-invalid` for an index beyond that list.
 */
export function workerPerDevice(devices: readonly string[], env: ProcessEnv): ChildSpec[] {
  const port = env['CAIRN_METRICS_PORT'];
  return devices.map((device, index) => {
    const name = `worker ${device}`;
    const visible = {
      CUDA_VISIBLE_DEVICES: among('CUDA_VISIBLE_DEVICES', device, env),
      HIP_VISIBLE_DEVICES: among('HIP_VISIBLE_DEVICES', device, env),
    };
    // Each listens on a port of its own; 0 lets each choose one.
    const metrics = port === undefined || port === '0' ? {} : { CAIRN_METRICS_PORT: String(Number(port) + index) };
    // Variables that are undefined are left out of the child's environment.
    const own = { ROLE: 'worker', CAIRN_WORKER_NAME: name, CAIRN_DEVICES: undefined };
    return { name, env: { ...env, ...visible, ...metrics, ...own } };
  });
}

/** The device as the variable of a child names it. */
function among(variable: string, device: string, env: ProcessEnv): string {
  const listed = env[variable]?.split(',').map((entry) => entry.trim());
  if (!listed || !/^\d+$/.test(device)) return device;
  const named = listed[Number(device)];
  if (named !== undefined && named !== '') return named;
  throw new CairnError(
    'option-invalid',
    `CAIRN_DEVICES names device ${device}, but ${variable} is "${env[variable]}".`,
  );
}
