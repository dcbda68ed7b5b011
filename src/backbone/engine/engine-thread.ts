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

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CairnError) => void;
}

/** Less than the time a process has to end after its jobs. */
const CLOSE_WITHIN_MS = 8000;

// A union of requests loses its alternatives under a plain Omit.
type WithoutId<R> = R extends unknown ? Omit<R, 'id'> : never;

/** One thread with its sessions, one per device. A thread that dies is restarted by the next call. */
export class EngineThread {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private calls = 0;
  private sessions = 0;
  private closed = false;
  private closing: Promise<void> | undefined;

  async compile(options: CompileRequest): Promise<ThreadedSession> {
    const session = this.sessions++;
    const compiled = (await this.call({ type: 'compile', session, options })) as CompiledReply;
    const worker = this.worker;
    const assertAlive = () => {
      // A new thread does not have the sessions of the previous one.
      if (this.worker !== worker) throw new CairnError('engine-failed', 'The engine thread of this session has ended.');
    };
    return {
      ...compiled,
      run: async (images, batch) => {
        assertAlive();
        if (images.byteLength === 0) throw new CairnError('engine-failed', 'The images have been transferred before.');
        return (await this.call({ type: 'run', session, images, batch }, [images.buffer])) as Level[][];
      },
      dispose: async () => {
        if (this.worker === worker && worker) await this.call({ type: 'dispose', session });
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
    await worker.terminate();
  }

  private call(request: WithoutId<SessionCall>, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.closed) return Promise.reject(new CairnError('engine-failed', 'The engine has been closed.'));
    this.worker ??= this.start();
    const id = this.calls++;
    const worker = this.worker;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      worker.postMessage({ ...request, id }, transfer);
    });
  }

  private start(): Worker {
    // Engines configure native libraries through the environment, which must not be a copy of the thread.
    const worker = new Worker(new URL('./session-thread.js', import.meta.url), { env: SHARE_ENV });
    worker.on('message', (reply: Reply) => {
      const waiting = this.pending.get(reply.id);
      this.pending.delete(reply.id);
      if (reply.error) waiting?.reject(new CairnError(reply.error.code, reply.error.message));
      else waiting?.resolve(reply.value);
    });
    worker.on('error', (error) => this.fail(worker, `The engine thread failed: ${error.message}`, error));
    worker.on('exit', (status) => this.fail(worker, `The engine thread ended with status ${status}.`));
    return worker;
  }

  private fail(worker: Worker, message: string, cause?: unknown): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    for (const { reject } of this.pending.values()) reject(new CairnError('engine-failed', message, { cause }));
    this.pending.clear();
  }
}
