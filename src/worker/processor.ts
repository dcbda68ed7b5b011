import type { Readable } from 'node:stream';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { findCalibration } from '../backbone/calibration/find-calibration.js';
import { CairnError } from '../errors.js';
import type { Extractor, Image } from './extractor.js';
import { featureId } from '../spec/feature-id.js';
import { archiveKey } from '../features/feature-set.js';
import type { Store } from '../features/store/store.js';
import type { JobPayload, JobResult, JobStage } from '../jobs/payload.js';
import { IMAGES_PREFIX, type ImageSource } from '../images/image-source.js';
import { fetchImage } from '../images/fetch.js';

export interface ProcessorParts {
  readonly extractor: Extractor;
  readonly store: Store;
  readonly weightsDir: string;
}

/**
 * Does one job: reads the image from the store or the web and writes the archive to the store. A job whose archive
 * exists already is done at once, so that running a job twice writes once.
 */
export class ExtractProcessor {
  constructor(private readonly parts: ProcessorParts) {}

  async process(payload: JobPayload, signal: AbortSignal, onStage: (stage: JobStage) => void): Promise<JobResult> {
    const { store, extractor, weightsDir } = this.parts;
    const { spec, source, weightsDigest, calibrationDigest } = payload;
    onStage('fetch');
    const { key, sha256 } = await this.locate(source, signal);
    const featuresId = payload.featuresId ?? featureId(sha256, weightsDigest, { ...spec, calibrationDigest });
    if (await store.has(archiveKey(featuresId))) return { featuresId, timings: {} };

    const image: Image = { bytes: await this.read(key), sha256 };
    const weights = await defaultWeights(spec.model, weightsDir);
    const request = { ...spec, weights, calibration: findCalibration(spec, weights, weightsDir) };
    const expected = { weightsDigest, calibrationDigest, featuresId };
    const { timings } = await extractor.extract(image, request, { signal, onStage, ...expected });
    return { featuresId, timings };
  }

  private async locate(source: ImageSource, signal: AbortSignal): Promise<{ key: string; sha256: string }> {
    if (source.kind === 'upload') return source;
    const response: Readable = await fetchImage(source.url, { allowPrivate: source.allowPrivate, signal });
    try {
      return await this.parts.store.putByDigest(IMAGES_PREFIX, response, source.maxBytes);
    } catch (error) {
      // The store reports a source that breaks off as its own failure.
      if (error instanceof CairnError && error.code !== 'store-failed') throw error;
      throw new CairnError('url-unreachable', 'The image ended before all of it had arrived.', { cause: error });
    } finally {
      response.destroy();
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
