import { availableParallelism } from 'node:os';
import { asCairnError } from '../errors.js';
import { EngineThread, type ThreadedSession } from './engine/engine-thread.js';
import type { OutputName } from './graph/graph.js';
import type { TopOptions } from './graph/resnet-graph.js';
import type { Model } from './models.js';
import type { Canvas } from './preprocess/preprocess.js';
import type { Dtype, Level } from './tensor.js';

export interface BackboneOptions {
  readonly engine?: string;
  readonly device?: string;
  /** Threads within one operation; by default one per core. */
  readonly threads?: number;
  /** Sessions kept ready; each holds its weights and its working memory (about 1 GB at 1024²). */
  readonly maxSessions?: number;
}

/** Everything that tells one compiled session from another. */
export interface SessionRequest {
  readonly model: Model;
  readonly stage5: boolean;
  /** What to return; `top` counts as a level here. */
  readonly levels: readonly OutputName[];
  /** What follows the last stage; needed where `levels` name `top`. */
  readonly top?: TopOptions;
  readonly dtype: Dtype;
  /** Side of the canvas in pixels. */
  readonly size: number;
  /** `seeded`, `seeded:N` or a path. */
  readonly weights: string;
}

/** What a run was made with. */
export interface Provenance {
  readonly engine: string;
  readonly device: string;
  readonly weights: { readonly source: string; readonly digest: string };
}

interface Slot {
  readonly session: Promise<ThreadedSession>;
  users: number;
}

/**
 * The library's face: canvases in, named levels out. Sessions are compiled at first use and kept,
 * the least recently used leaving first; all of them live in one thread, away from the caller's.
 */
export class Backbone {
  private readonly thread = new EngineThread();
  /** In order of use, the oldest first. */
  private readonly slots = new Map<string, Slot>();
  private readonly engine: { readonly engine: string; readonly device: string; readonly threads: number };
  private readonly maxSessions: number;

  constructor({
    engine = 'auto',
    device = 'auto',
    threads = availableParallelism(),
    maxSessions = 2,
  }: BackboneOptions = {}) {
    this.engine = { engine, device: device === 'auto' ? 'cpu' : device, threads };
    this.maxSessions = maxSessions;
  }

  /** Compiles the session now, so that the first run does not wait for it, and tells what it is made with. */
  load(request: SessionRequest): Promise<Provenance> {
    return this.use(request, (session) => Promise.resolve(provenance(session)));
  }

  /**
   * Computes the levels of one canvas, whose pixels are transferred away.
   *
   * @throws CairnError with the codes of the weights and engine rooms.
   */
  run(request: SessionRequest, canvas: Canvas): Promise<{ levels: Level[]; madeBy: Provenance }> {
    return this.use(request, async (session) => {
      const [levels] = await session.run(canvas.pixels, 1);
      return { levels: levels!, madeBy: provenance(session) };
    });
  }

  /**
   * Computes the levels of `batch` canvases that lie one after the other in `pixels`, which are
   * transferred away.
   *
   * @throws CairnError as `run`.
   */
  runBatch(request: SessionRequest, pixels: Uint8Array<ArrayBuffer>, batch: number): Promise<Level[][]> {
    return this.use(request, (session) => session.run(pixels, batch));
  }

  /** Ends the thread and with it all sessions. May be called twice. */
  async close(): Promise<void> {
    this.slots.clear();
    await this.thread.close();
  }

  private async use<T>(request: SessionRequest, task: (session: ThreadedSession) => Promise<T>): Promise<T> {
    const key = JSON.stringify([
      request.model.name,
      request.stage5,
      request.top,
      request.weights,
      request.levels,
      request.dtype,
      request.size,
    ]);
    const slot = this.slots.get(key) ?? { session: this.compile(request), users: 0 };
    this.slots.delete(key);
    this.slots.set(key, slot);
    slot.users++;
    this.evict();
    try {
      return await task(await slot.session);
    } catch (error) {
      // A session that never came to be, or whose thread died, is made anew by whoever asks next; one that
      // refused its image is sound.
      const sound = asCairnError(error).code === 'features-not-finite';
      if (!sound && this.slots.get(key) === slot) {
        this.slots.delete(key);
        void dispose(slot);
      }
      throw error;
    } finally {
      slot.users--;
      this.evict();
    }
  }

  /** Sessions in use stay, even beyond the limit: disposing of them would fail the job that waits for them. */
  private evict(): void {
    for (const [key, slot] of this.slots) {
      if (this.slots.size <= this.maxSessions) return;
      if (slot.users > 0) continue;
      this.slots.delete(key);
      void dispose(slot);
    }
  }

  private compile(request: SessionRequest): Promise<ThreadedSession> {
    const { model, stage5, top = {}, levels: outputs, weights, dtype, size } = request;
    const { family, architecture } = model;
    return this.thread.compile({
      ...this.engine,
      family,
      architecture,
      stage5,
      top,
      weights,
      outputs,
      dtype,
      size,
    });
  }
}

function provenance({ engine, device, weights }: ThreadedSession): Provenance {
  return { engine, device, weights };
}

/** A session that failed to compile has nothing to dispose of; one that cannot be disposed of dies with its thread. */
async function dispose(slot: Slot): Promise<void> {
  await slot.session.then((session) => session.dispose()).catch(() => undefined);
}
