import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

export type ProcessEnv = Readonly<Record<string, string | undefined>>;

/** A process to keep. */
export interface Charge {
  /** What the log calls it. */
  readonly name: string;
  /** Its whole environment. */
  readonly env: ProcessEnv;
}

export interface SupervisorOptions {
  /** Program and arguments, the same for all. */
  readonly command: readonly [string, ...string[]];
  readonly charges: readonly Charge[];
  /** How long a process may take to end once it is told to; then it is killed. */
  readonly patienceMs: number;
  /** A process that died starts again after this long, after twice as long the next time, and so on. */
  readonly firstDelayMs?: number;
  readonly maxDelayMs?: number;
  /** After a life of this length a death counts as the first one. */
  readonly healthyMs?: number;
  readonly log: { log(message: string): void; warn(message: string): void };
}

/** Keeps processes: one that ends is started again, until all are stopped. */
export class Supervisor {
  private readonly keepers: readonly Keeper[];

  constructor(options: SupervisorOptions) {
    this.keepers = options.charges.map((charge) => new Keeper(charge, options));
  }

  /** Starts all; resolves at once. */
  start(): void {
    for (const keeper of this.keepers) keeper.start();
  }

  /** SIGTERM to all; resolves when all have ended, by themselves or by SIGKILL. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all(this.keepers.map((keeper) => keeper.stop()));
  }
}

/** Keeps one process. */
class Keeper {
  private readonly stopping = new AbortController();
  private child: ChildProcess | undefined;
  private kept: Promise<void> | undefined;

  constructor(
    private readonly charge: Charge,
    private readonly options: SupervisorOptions,
  ) {}

  start(): void {
    this.kept ??= this.keep();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.child?.kill('SIGTERM');
    const overdue = setTimeout(() => {
      if (this.child) this.options.log.warn(`${this.charge.name} does not end and is killed`);
      this.child?.kill('SIGKILL');
    }, this.options.patienceMs);
    await this.kept;
    clearTimeout(overdue);
  }

  private async keep(): Promise<void> {
    const { firstDelayMs = 1000, maxDelayMs = 60_000, healthyMs = 60_000, log } = this.options;
    const { signal } = this.stopping;
    for (let delay = firstDelayMs; ; delay = Math.min(2 * delay, maxDelayMs)) {
      const born = performance.now();
      const end = await this.live().catch((error: unknown) => `did not start (${String(error)})`);
      if (signal.aborted) return;
      if (performance.now() - born >= healthyMs) delay = firstDelayMs;
      log.warn(`${this.charge.name} ${end}; it starts again in ${delay / 1000} s`);
      const rested = await sleep(delay, true, { signal }).catch(() => false);
      if (!rested) return;
    }
  }

  /** Resolves when the process has ended, with how it did. */
  private async live(): Promise<string> {
    const [program, ...args] = this.options.command;
    // The channel is there to break: a process learns by it that nobody keeps it any more.
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const child = spawn(program, args, { env: this.charge.env, stdio: [...stdio] });
    this.child = child;
    try {
      if (child.pid !== undefined) this.options.log.log(`${this.charge.name} is process ${child.pid}`);
      const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      return signal ? `was ended by ${signal}` : `ended with status ${status}`;
    } finally {
      this.child = undefined;
    }
  }
}

/**
 * One worker process for each device, which sees no other. `CUDA_VISIBLE_DEVICES` is what NVIDIA's
 * libraries heed, `HIP_VISIBLE_DEVICES` what AMD's do.
 */
export function workerPerDevice(devices: readonly string[], env: ProcessEnv): Charge[] {
  return devices.map((device) => {
    const name = `worker ${device}`;
    const visible = { CUDA_VISIBLE_DEVICES: device, HIP_VISIBLE_DEVICES: device };
    // Undefined variables do not reach the process.
    return { name, env: { ...env, ...visible, ROLE: 'worker', CAIRN_WORKER_NAME: name, CAIRN_DEVICES: undefined } };
  });
}
