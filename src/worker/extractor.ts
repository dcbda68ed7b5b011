import pLimit, { type LimitFunction } from 'p-limit';
import type { Backbone, Provenance, SessionRequest } from '../backbone/backbone.js';
import { findModel } from '../backbone/catalogue.js';
import type { DecodeLimits } from '../backbone/preprocess/decode.js';
import type { Decoder } from '../backbone/preprocess/decoder.js';
import { preprocess, type Canvas } from '../backbone/preprocess/preprocess.js';
import type { Level } from '../backbone/tensor.js';
import { CairnError } from '../errors.js';
import { writeArchive } from '../features/archive-writer.js';
import { featureId } from '../spec/feature-id.js';
import { archiveKey, describeLevel, layoutFor, type Description } from '../features/feature-set.js';
import type { Encoding, FeatureSet, LevelDescription } from '../features/feature-set.js';
import { encodeJpegLevels } from '../features/jpeg-levels.js';
import { writeSafetensors } from '../features/safetensors.js';
import type { Store } from '../features/store/store.js';
import type { Zstd } from '../formats/zstd.js';

/** Steps of the chain, in order; also the keys of `timings`. */
export const STAGES = ['preprocess', 'run', 'pack'] as const;
export type Stage = (typeof STAGES)[number];

/** Canvases in, levels out: the part of the backbone that extraction uses. */
export type LevelSource = Pick<Backbone, 'load' | 'maxBatch' | 'run'>;

export interface ExtractorParts {
  readonly backbone: LevelSource;
  readonly store: Store;
  readonly zstd: Zstd;
  readonly softwareVersion: string;
  /** Limits of images that this process prepares itself; by default those of the library. */
  readonly decode?: Partial<DecodeLimits>;
  /** Prepares images; by default this process does. */
  readonly decoder?: Pick<Decoder, 'preprocess'>;
}

export interface Image {
  /** The encoded file. */
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** What to compute, and how to compress it. */
export type ExtractRequest = SessionRequest & Encoding;

export interface ExtractOptions {
  readonly format?: 'zarr' | 'safetensors';
  /** Where in the store the result goes; by default where archives are looked for by id. */
  readonly key?: string;
  readonly signal?: AbortSignal;
  /** The weights' digest that the caller expects. */
  readonly weightsDigest?: string;
  /** Likewise that of the calibration. */
  readonly calibrationDigest?: string | undefined;
  /** The set's id, where the caller has computed it. */
  readonly featuresId?: string;
  /** Called when a stage begins. */
  onStage?(stage: Stage): void;
}

export interface Extraction {
  readonly description: Description;
  readonly key: string;
  /** Bytes written. */
  readonly bytes: number;
  /** Milliseconds in each stage, without the wait for its turn. In batches `run` counts the wait for its batch. */
  readonly timings: Record<Stage, number>;
}

/**
 * The chain image → archive. Call `extract` for the next image before the last one is finished:
 * each stage takes one image at a time, so the next image is decoded and the last one packed while
 * one runs. Where images run in batches, one batch gathers while one runs.
 *
 * Levels of a batch share memory: where `n` calls are under way, those of `n + maxBatch - 1` images
 * are in memory at most, since images are packed in the order in which they ran.
 */
export class Extractor {
  private readonly turns: Readonly<Record<Stage, LimitFunction>>;

  constructor(private readonly parts: ExtractorParts) {
    const { maxBatch } = parts.backbone;
    this.turns = { preprocess: pLimit(1), run: pLimit(maxBatch === 1 ? 1 : 2 * maxBatch), pack: pLimit(1) };
  }

  /** Compiles the session of a request now, so that the first image does not wait for it. @throws CairnError as `extract`. */
  load(request: ExtractRequest): Promise<Provenance> {
    return this.parts.backbone.load(sessionOf(request));
  }

  /**
   * Computes and stores the levels of one image.
   *
   * @throws CairnError of any module of the library; `cancelled` when the signal was aborted;
   *   `weights-changed` when the weights are not those that the caller expects.
   */
  async extract(image: Image, request: ExtractRequest, options: ExtractOptions = {}): Promise<Extraction> {
    const timings: Record<Stage, number> = { preprocess: 0, run: 0, pack: 0 };
    const stage = <T>(name: Stage, work: () => Promise<T>): Promise<T> =>
      this.turns[name](async () => {
        if (options.signal?.aborted) throw new CairnError('cancelled', 'The job was cancelled.');
        options.onStage?.(name);
        const begun = performance.now();
        const result = await work();
        timings[name] = performance.now() - begun;
        return result;
      });

    const { backbone, decode, decoder } = this.parts;
    const { signal } = options;
    const canvas = await stage('preprocess', () =>
      decoder ? decoder.preprocess(image.bytes, request.size, signal) : preprocess(image.bytes, request.size, decode),
    );
    const { levels, madeBy } = await stage('run', async () => {
      // A worker with other weights hands the job on, for which it need not run.
      if (options.weightsDigest !== undefined) checkProvenance(await this.load(request), request, options);
      return backbone.run(sessionOf(request), canvas);
    });
    checkProvenance(madeBy, request, options);
    const { calibrationDigest } = madeBy;
    const id = options.featuresId ?? featureId(image.sha256, madeBy.weights.digest, { ...request, calibrationDigest });
    const described = levels.map((level) => describeLevel(level, request));
    const description = this.describe(id, image, request, canvas, levels, described, madeBy);
    const key = options.key ?? archiveKey(description.id);
    const { set, size } = await stage('pack', () => this.pack({ description, levels }, options));
    return { description: set.description, key, bytes: size, timings };
  }

  private async pack(set: FeatureSet, { format, key, signal }: ExtractOptions) {
    const { store, zstd } = this.parts;
    const { id } = set.description;
    if (format === 'safetensors') {
      return { set, ...(await store.put(key ?? archiveKey(id), writeSafetensors(set), signal)) };
    }
    const encoded = await encodeJpegLevels(set);
    const archive = writeArchive(encoded, zstd, signal);
    // Under an id nothing changes: where a second run of a job comes late, the first one's archive stays.
    const { size } =
      key === undefined ? await store.add(archiveKey(id), archive, signal) : await store.put(key, archive, signal);
    return { set: encoded, size };
  }

  private describe(
    id: string,
    image: Image,
    { model, stage5, precision }: SessionRequest,
    canvas: Canvas,
    levels: Level[],
    described: LevelDescription[],
    madeBy: Provenance,
  ): Description {
    const { family, architecture } = findModel(model);
    return {
      id,
      model,
      family,
      architecture,
      stage5,
      weights: madeBy.weights.source,
      weightsDigest: madeBy.weights.digest,
      calibrationDigest: madeBy.calibrationDigest,
      engine: madeBy.engine,
      device: madeBy.device,
      precision,
      imageSha256: image.sha256,
      originalShape: [...canvas.originalShape],
      size: canvas.size,
      window: [...canvas.window],
      scale: canvas.scale,
      levels: described,
      clipped: levels.filter((level) => level.clipped).map((level) => level.name),
      softwareVersion: this.parts.softwareVersion,
      createdAt: new Date().toISOString(),
    };
  }
}

/** @throws CairnError `weights-changed` or `calibration-changed` unless the session is the one that the caller expects. */
function checkProvenance(madeBy: Provenance, { model }: ExtractRequest, expected: ExtractOptions): void {
  const { weights, calibrationDigest } = madeBy;
  if (expected.weightsDigest === undefined) return;
  if (expected.weightsDigest !== weights.digest) {
    const message = `${weights.source} has digest ${weights.digest}; the job asks for ${expected.weightsDigest}.`;
    throw new CairnError('weights-changed', message);
  }
  if (expected.calibrationDigest !== calibrationDigest) {
    const message = `The calibration of ${model} is not the one that the job was submitted with.`;
    throw new CairnError('calibration-changed', message);
  }
}

/** The session whose levels can be stored as they are. */
function sessionOf(request: ExtractRequest): SessionRequest {
  return { ...request, layout: layoutFor(request) };
}
