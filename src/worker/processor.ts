import { createHash } from 'node:crypto';
import { join, sep } from 'node:path';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { findCalibration } from '../backbone/calibration/find-calibration.js';
import { CairnError, withoutFolder } from '../errors.js';
import type { Extractor, Image } from './extractor.js';
import { featureId } from '../spec/feature-id.js';
import { refuseLargeSpec, type SpecLimits } from '../spec/spec-limits.js';
import type { FeatureLibrary } from '../features/library.js';
import type { Quarantine } from '../features/store/quarantine.js';
import type { Store } from '../features/store/store.js';
import type { JobPayload, JobResult, JobStage } from '../jobs/payload.js';
import type { ImageSource } from '../images/image-source.js';
import type { ImageFetcher } from '../images/fetch.js';
import type { ImageIntake } from '../images/intake.js';
import { Postponed } from './postponed.js';

export interface ProcessorParts {
  readonly extractor: Extractor;
  readonly store: Store;
  readonly library: FeatureLibrary;
  readonly quarantine: Quarantine;
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
    const { library, extractor, weightsDir } = this.parts;
    const { spec, weightsDigest, calibrationDigest } = payload;
    const featuresId = payload.featuresId ?? featureId(sha256, weightsDigest, { ...spec, calibrationDigest });
    if (await library.find(featuresId)) return { featuresId, timings: {} };

    const image: Image = { bytes: await this.read(key, sha256), sha256 };
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

  /** The bytes of an image, which must still be those that it is named by. */
  private async read(key: string, sha256: string): Promise<Buffer> {
    const { store, quarantine } = this.parts;
    const object = await store.open(key);
    if (!object) throw new CairnError('image-missing', 'The image of this job is no longer in the store.');
    try {
      const bytes = await object.read(0, object.size);
      if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
      await quarantine.take('image', key, object.modified, 'its bytes do not have the digest that it is named by');
      throw new CairnError('upload-corrupt', `The stored image ${sha256} is damaged; send it again.`);
    } finally {
      await object.close();
    }
  }
}
