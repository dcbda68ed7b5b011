import { join, sep } from 'node:path';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { findCalibration } from '../backbone/calibration/find-calibration.js';
import { CairnError, withoutFolder } from '../errors.js';
import type { Extractor, Image } from './extractor.js';
import { featureId } from '../spec/feature-id.js';
import { refuseLargeSpec, type SpecLimits } from '../spec/spec-limits.js';
import { archiveKey } from '../features/feature-set.js';
import type { Store } from '../features/store/store.js';
import type { JobPayload, JobResult, JobStage } from '../jobs/payload.js';
import type { ImageSource } from '../images/image-source.js';
import type { ImageFetcher } from '../images/fetch.js';
import type { ImageIntake } from '../images/intake.js';
import { Postponed } from './postponed.js';

export interface ProcessorParts {
  readonly extractor: Extractor;
  readonly store: Store;
  readonly weightsDir: string;
  readonly intake: ImageIntake;
  readonly fetcher: ImageFetcher;
}

export interface ProcessorLimits {
  /** Downloads under way at once: fewer than the jobs of a worker, so that places are left for others. */
  readonly downloads: number;
  readonly spec: SpecLimits;
}

/**
 * Does one job: reads the image from the store or the web and writes the archive to the store. A job whose archive
 * exists already is done at once, so that running a job twice writes once.
 *
 * Slow servers hold up no other job: once all slots for downloads are taken, a job that needs one is postponed, and the
 * other places of the worker are left to jobs whose images are in the store.
 */
export class ExtractProcessor {
  private downloading = 0;

  constructor(
    private readonly parts: ProcessorParts,
    private readonly limits: ProcessorLimits,
  ) {}

  /** @throws Postponed when the image is to be downloaded and all slots are taken, else a CairnError. */
  async process(payload: JobPayload, signal: AbortSignal, onStage: (stage: JobStage) => void): Promise<JobResult> {
    refuseLargeSpec(payload.spec, this.limits.spec);
    const { key, sha256 } = await this.locate(payload.source, signal, onStage);
    return this.extract(payload, { key, sha256 }, signal, onStage).catch((error: unknown) => {
      throw withoutFolder(error, join(this.parts.weightsDir, sep));
    });
  }

  private async extract(
    payload: JobPayload,
    { key, sha256 }: { key: string; sha256: string },
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
  ): Promise<JobResult> {
    const { store, extractor, weightsDir } = this.parts;
    const { spec, weightsDigest, calibrationDigest } = payload;
    const featuresId = payload.featuresId ?? featureId(sha256, weightsDigest, { ...spec, calibrationDigest });
    if (await store.has(archiveKey(featuresId))) return { featuresId, timings: {} };

    const image: Image = { bytes: await this.read(key), sha256 };
    const weights = await defaultWeights(spec.model, weightsDir);
    const request = { ...spec, weights, calibration: findCalibration(spec, weights, weightsDir) };
    const expected = { weightsDigest, calibrationDigest, featuresId };
    const { timings } = await extractor.extract(image, request, { signal, onStage, ...expected });
    return { featuresId, timings };
  }

  private async locate(
    source: ImageSource,
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
  ): Promise<{ key: string; sha256: string }> {
    if (source.kind === 'url' && this.downloading >= this.limits.downloads) throw new Postponed();
    onStage('fetch');
    if (source.kind === 'upload') return source;
    const { fetcher, intake } = this.parts;
    this.downloading++;
    try {
      const kept = await fetcher.fetch(source.url, signal, (body) => intake.upload(body, source.maxBytes));
      return kept.source;
    } finally {
      this.downloading--;
    }
  }

  private async read(key: string): Promise<Buffer> {
    const object = await this.parts.store.open(key);
    if (!object) throw new CairnError('image-missing', 'The image of this job is no longer in the store.');
    try {
      return await object.read(0, object.size);
    } finally {
      await object.close();
    }
  }
}
