import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { CairnError } from '../../errors.js';
import type { Level } from '../tensor.js';
import type { CompiledReply, CompileRequest, Reply, Request, SessionCall } from './thread-protocol.js';

/** A session in another thread, with the reply to its compilation. */
export interface ThreadedSession extends CompiledReply {
  /**
   * Runs one batch; see `Session.run`. `images` is transferred away and cannot be used afterwards.
   *
   * @throws CairnError as `Session.run`, or `engine-failed` when the thread died.
   */
  run(images: Uint8Array<ArrayBuffer>, batch: number): Promise<Level[][]>;
  dispose(): Promise<void>;
}

/** How long a call may take before its thread counts as hung. */
export interface EngineLimits {
  /** Per image of a batch. */
  readonly runMs: number;
  /** Reading weights and compiling a session. */
  readonly compileMs: number;
}

/** TensorRT compiles for minutes, and a busy CPU runs the largest networks for as long. */
export const DEFAULT_ENGINE_LIMITS: EngineLimits = { runMs: 10 * 60_000, compileMs: 20 * 60_000 };

export interface EngineThreadOptions {
  readonly limits?: EngineLimits;
  /** Called when a thread has ended or hangs: its sessions are lost. */
  readonly onLost?: () => void;
  /** Called when a thread hangs, with how many have hung and not ended since. */
  readonly onHang?: (unended: number) => void;
}

interface Pending {
  readonly type: SessionCall['type'];
  readonly limitMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CairnError) => void;
}

/** Less than the time a process has to end after its jobs. */
const CLOSE_WITHIN_MS = 8000;
const TERMINATE_WITHIN_MS = 1000;
/** What a timer of Node.js holds. */
const MOST_TIMER_MS = 2 ** 31 - 1;

// A union of requests loses its alternatives under a plain Omit.
type WithoutId<R> = R extends unknown ? Omit<R, 'id'> : never;

/**
 * One thread with its sessions, one per device. A thread that dies is restarted by the next call, and so is one that hangs: it
 * cannot be stopped inside a native library, so it is left behind, and ends by itself should its call ever return.
 */
export class EngineThread {
  private worker: Worker | undefined;
  private readonly hung = new Set<Worker>();
  /** Ends the call that the thread works on: the first of those that are pending. */
  private deadline: NodeJS.Timeout | undefined;
  private readonly pending = new Map<number, Pending>();
  private calls = 0;
  private sessions = 0;
  private closed = false;
  private closing: Promise<void> | undefined;

  constructor(private readonly options: EngineThreadOptions = {}) {}

  /** Threads that have hung and not ended since. A process that has any cannot exit: it waits for its threads. */
  get unended(): number {
    return this.hung.size;
  }

  async compile(options: CompileRequest): Promise<ThreadedSession> {
    const session = this.sessions++;
    const { runMs, compileMs } = this.limits;
    const compiled = (await this.call({ type: 'compile', session, options }, compileMs)) as CompiledReply;
    const worker = this.worker;
    const assertAlive = () => {
      // A new thread does not have the sessions of the previous one.
      if (this.worker !== worker) throw restarted();
    };
    return {
      ...compiled,
      run: async (images, batch) => {
        assertAlive();
        if (images.byteLength === 0) throw new CairnError('engine-failed', 'The images have been transferred before.');
        const call = { type: 'run', session, images, batch } as const;
        return (await this.call(call, runMs * batch, [images.buffer])) as Level[][];
      },
      dispose: async () => {
        if (this.worker === worker && worker) await this.call({ type: 'dispose', session }, runMs);
      },
    };
  }

  /**
   * Ends the thread after the current run; waiting calls are rejected. May be called twice.
   *
   * Ending a thread inside a native library crashes the process: a run is given `CLOSE_WITHIN_MS` first.
   */
  close(): Promise<void> {
    this.closed = true;
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const { worker } = this;
    if (!worker) return;
    const overdue = new AbortController();
    const ended = once(worker, 'exit').finally(() => overdue.abort());
    worker.postMessage({ type: 'close' } satisfies Request);
    await Promise.race([ended, delay(CLOSE_WITHIN_MS, undefined, { signal: overdue.signal })]).catch(() => undefined);
    const terminated = worker.terminate().then(() => true);
    if (!(await Promise.race([terminated, delay(TERMINATE_WITHIN_MS, false, { ref: false })]))) this.leave(worker);
  }

  private get limits(): EngineLimits {
    return this.options.limits ?? DEFAULT_ENGINE_LIMITS;
  }

  private call(request: WithoutId<SessionCall>, limitMs: number, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.closed) return Promise.reject(new CairnError('engine-failed', 'The engine has been closed.'));
    this.worker ??= this.start();
    const id = this.calls++;
    const worker = this.worker;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { type: request.type, limitMs, resolve, reject });
      if (this.pending.size === 1) this.watch(worker);
      worker.postMessage({ ...request, id }, transfer);
    });
  }

  private start(): Worker {
    // Engines configure native libraries through the environment, which must not be a copy of the thread.
    const worker = new Worker(new URL('./session-thread.js', import.meta.url), { env: SHARE_ENV });
    worker.on('message', (reply: Reply) => {
      const waiting = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      // One that was left behind has no call here any more.
      if (waiting) this.watch(worker);
      if (reply.error) waiting?.reject(new CairnError(reply.error.code, reply.error.message));
      else waiting?.resolve(reply.value);
    });
    worker.on('error', (error) => this.fail(worker, `The engine thread failed: ${error.message}`, error));
    worker.on('exit', (status) => this.fail(worker, `The engine thread ended with status ${status}.`));
    return worker;
  }

  private fail(worker: Worker, message: string, cause?: unknown): void {
    if (this.worker !== worker) return;
    this.lose(() => new CairnError('engine-failed', message, { cause }));
  }

  /** The thread takes its calls one by one, in order: from now on it works on the first that is left. */
  private watch(worker: Worker): void {
    clearTimeout(this.deadline);
    const [first] = this.pending.values();
    if (first) this.deadline = setTimeout(() => this.hang(worker, first), Math.min(first.limitMs, MOST_TIMER_MS));
  }

  /** Gives up the thread: the call that hangs is told so; those behind it have yet to begin, and can be made again. */
  private hang(worker: Worker, { type, limitMs, reject }: Pending): void {
    const what = type === 'run' ? 'A run of the network' : 'The engine';
    reject(new CairnError('engine-hung', `${what} has not ended after ${limitMs / 1000} s; its thread is given up.`));
    this.leave(worker);
    this.lose(restarted);
    this.options.onHang?.(this.hung.size);
  }

  private leave(worker: Worker): void {
    this.hung.add(worker);
    worker.once('exit', () => this.hung.delete(worker));
    worker.postMessage({ type: 'leave' } satisfies Request);
    worker.unref();
  }

  private lose(reason: () => CairnError): void {
    clearTimeout(this.deadline);
    this.worker = undefined;
    for (const { reject } of this.pending.values()) reject(reason());
    this.pending.clear();
    this.options.onLost?.();
  }
}

function restarted(): CairnError {
  return new CairnError('engine-restarted', 'The engine thread of this session has ended.');
}
