import { availableParallelism } from 'node:os';
import { asCairnError, CairnError } from '../errors.js';
import { stampOf } from '../files/file-stamp.js';
import { Batcher } from './engine/batcher.js';
import { EngineThread, type EngineLimits, type ThreadedSession } from './engine/engine-thread.js';
import { chooseTarget, type Excluded, type Target } from './engine/choose-target.js';
import { DeviceCheck } from './engine/device-check.js';
import type { SessionRequest } from './engine/engine.js';
import { probeDevice } from './engine/probe-device.js';
import type { Canvas } from './preprocess/preprocess.js';
import type { Level } from './tensor.js';

export type { SessionRequest } from './engine/engine.js';

/** What runs the networks of a `Backbone`. */
export interface BackboneOptions {
  readonly engine?: string;
  readonly device?: string;
  /** Devices that `auto` does not take, with the reason. */
  readonly excluded?: Excluded;
  /** Threads within one operation; by default one per core. */
  readonly threads?: number;
  /** Sessions kept ready; each holds its weights and its working memory (about 1 GB at 1024²). */
  readonly maxSessions?: number;
  /** Most canvases of one session that run together; working memory grows with it. */
  readonly maxBatch?: number;
  /** How long a canvas waits for others, to run in one batch with them. */
  readonly maxDelayMs?: number;
  /** How long runs and compilations may take before the engine counts as hung, and is replaced. */
  readonly limits?: EngineLimits;
  /** Called when the engine hangs, with how many of its threads have hung and not ended since. */
  readonly onHang?: (unended: number) => void;
  /** Called when a GPU is lost for this process. Another process may have it back. */
  readonly onDeviceLost?: (reason: string) => void;
}

/** The engine, device and weights of a run. */
export interface Provenance {
  readonly engine: string;
  readonly device: string;
  readonly weights: { readonly source: string; readonly digest: string };
  readonly calibrationDigest?: string | undefined;
}

interface Compiled {
  readonly session: ThreadedSession;
  readonly batcher: Batcher;
}

interface Slot {
  readonly compiled: Promise<Compiled>;
  users: number;
}

/**
 * The library's entry point: canvases in, named levels out. Sessions are compiled on first use and
 * cached, least recently used evicted first; all of them live in one worker thread.
 */
export class Backbone {
  private readonly thread: EngineThread;
  /** Least recently used first. */
  private readonly slots = new Map<string, Slot>();
  private readonly asked: { readonly engine: string; readonly device: string; readonly excluded: Excluded };
  private chosen: Promise<Target> | undefined;
  private readonly deviceCheck = new DeviceCheck();
  private readonly onDeviceLost: ((reason: string) => void) | undefined;
  private readonly threads: number;
  private readonly maxSessions: number;
  private readonly maxDelayMs: number;
  /** Most canvases that run together. Twice as many may be pending, so that the next batch gathers during a run. */
  readonly maxBatch: number;

  constructor({
    engine = 'auto',
    device = 'auto',
    excluded = {},
    threads = availableParallelism(),
    maxSessions = 2,
    maxBatch = 1,
    maxDelayMs = 5,
    limits,
    onHang,
    onDeviceLost,
  }: BackboneOptions = {}) {
    this.thread = new EngineThread({
      onLost: () => this.slots.clear(),
      ...(limits && { limits }),
      ...(onHang && { onHang }),
    });
    this.onDeviceLost = onDeviceLost;
    this.asked = { engine, device, excluded };
    this.threads = threads;
    this.maxSessions = maxSessions;
    this.maxBatch = maxBatch;
    this.maxDelayMs = maxDelayMs;
  }

  /**
   * The engine and device that sessions are compiled for. `auto` is resolved once, by probing the available devices.
   *
   * @throws CairnError as `chooseTarget`.
   */
  target(): Promise<Target> {
    const { engine, device, excluded } = this.asked;
    this.chosen ??= chooseTarget(engine, device, probeDevice, excluded);
    // A device that is unavailable now may become available.
    this.chosen.catch(() => (this.chosen = undefined));
    return this.chosen;
  }

  /** Compiles the session now, so that the first run does not wait for it, and resolves with its provenance. */
  load(request: SessionRequest): Promise<Provenance> {
    return this.use(request, ({ session }) => Promise.resolve(provenance(session)));
  }

  /**
   * Computes the levels of one canvas, in a batch with others that arrive at about the same time. Its
   * pixels must not be used afterwards.
   *
   * @throws CairnError of the weights and engine modules.
   */
  run(request: SessionRequest, canvas: Canvas): Promise<{ levels: Level[]; madeBy: Provenance }> {
    return this.use(request, async ({ session, batcher }) => {
      const levels = await batcher.add(canvas.pixels);
      this.deviceCheck.succeeded();
      return { levels, madeBy: provenance(session) };
    });
  }

  /**
   * Computes the levels of `batch` canvases, stored one after the other in `pixels`, which are
   * transferred and cannot be used afterwards.
   *
   * @throws CairnError as `run`.
   */
  runBatch(request: SessionRequest, pixels: Uint8Array<ArrayBuffer>, batch: number): Promise<Level[][]> {
    return this.use(request, async ({ session }) => {
      const levels = await session.run(pixels, batch);
      this.deviceCheck.succeeded();
      return levels;
    });
  }

  /** Threads of the engine that have hung and not ended since. */
  get unended(): number {
    return this.thread.unended;
  }

  /** Ends the thread, and all sessions with it. May be called twice. */
  async close(): Promise<void> {
    this.slots.clear();
    await this.thread.close();
  }

  private async use<T>(spec: SessionRequest, task: (compiled: Compiled) => Promise<T>): Promise<T> {
    const request = requestOf(spec);
    const versions = await Promise.all([versionOf(request.weights), versionOf(request.calibration)]);
    const key = JSON.stringify([Object.entries(request).sort(), versions]);
    const slot = this.slots.get(key) ?? { compiled: this.compile(request), users: 0 };
    this.slots.delete(key);
    this.slots.set(key, slot);
    slot.users++;
    this.evict();
    try {
      return await task(await slot.compiled);
    } catch (error) {
      // A session that failed to compile, or whose thread died, is compiled again by the next call; one that
      // refused an image is sound.
      const { code } = asCairnError(error);
      const current = this.slots.get(key) === slot;
      if (code !== 'features-not-finite' && current) this.slots.delete(key);
      if (code === 'engine-failed' && current) await this.checkDevice();
      throw error;
    } finally {
      slot.users--;
      // Canvases that wait for a session may still run on it after it failed for another canvas.
      if (slot.users === 0 && this.slots.get(key) !== slot) void dispose(slot);
      this.evict();
    }
  }

  /** @throws CairnError `device-unavailable` where a failure was that of a GPU that is lost. */
  private async checkDevice(): Promise<void> {
    const target = await this.target();
    if (!target.gpu) return;
    // Sessions share what this process holds of the device: ONNX Runtime keeps that of WebGPU while one of them lives.
    for (const [key, slot] of this.slots) {
      this.slots.delete(key);
      if (slot.users === 0) void dispose(slot);
    }
    const reason = await this.deviceCheck.failed(target);
    if (reason === undefined) return;
    this.chosen = undefined;
    this.onDeviceLost?.(`${target.engine} has lost ${target.device}: ${reason}`);
    throw new CairnError('device-unavailable', `The device ${target.device} is lost: ${reason}.`);
  }

  /** Sessions in use stay, even beyond the limit: disposing of one would fail the jobs that wait for it. */
  private evict(): void {
    for (const [key, slot] of this.slots) {
      if (this.slots.size <= this.maxSessions) return;
      if (slot.users > 0) continue;
      this.slots.delete(key);
      void dispose(slot);
    }
  }

  private async compile(request: SessionRequest): Promise<Compiled> {
    const { engine, device } = await this.target();
    const session = await this.thread.compile({ ...request, engine, device, threads: this.threads });
    const { size } = request;
    const { maxBatch, maxDelayMs } = this;
    const run = (images: Uint8Array<ArrayBuffer>, batch: number) => session.run(images, batch);
    return { session, batcher: new Batcher(run, { imageBytes: size * size * 3, maxBatch, maxDelayMs }) };
  }
}

/** The request in a spec, whose other fields do not make another session. */
function requestOf(spec: SessionRequest): SessionRequest {
  const { model, stage5, levels, top, precision, size, weights, calibration, dtype, layout } = spec;
  return { model, stage5, levels, ...(top && { top }), precision, size, weights, calibration, dtype, layout };
}

/** A file that is replaced makes another session. What is no file has one version. */
async function versionOf(path: string | undefined): Promise<string> {
  return path === undefined ? '' : stampOf(path).catch(() => '');
}

function provenance({ engine, device, weights, calibrationDigest }: ThreadedSession): Provenance {
  return { engine, device, weights, calibrationDigest };
}

/** A session that failed to compile needs no disposal; one that cannot be disposed of ends with its thread. */
async function dispose(slot: Slot): Promise<void> {
  await slot.compiled.then(({ session }) => session.dispose()).catch(() => undefined);
}
