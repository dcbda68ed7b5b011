import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { findCalibration } from '../backbone/calibration/find-calibration.js';
import { CairnError } from '../errors.js';
import type { Extractor, Image } from './extractor.js';
import { featureId } from '../spec/feature-id.js';
import type { FeatureLibrary } from '../features/library.js';
import type { Quarantine } from '../features/store/quarantine.js';
import type { Store } from '../features/store/store.js';
import type { JobPayload, JobResult, JobStage } from '../jobs/payload.js';
import { IMAGES_PREFIX, type ImageSource } from '../images/image-source.js';
import { fetchImage } from '../images/fetch.js';

export interface ProcessorParts {
  readonly extractor: Extractor;
  readonly store: Store;
  readonly library: FeatureLibrary;
  readonly quarantine: Quarantine;
  readonly weightsDir: string;
}

/**
 * Does one job: reads the image from the store or the web and writes the archive to the store. A job whose archive
 * exists already is done at once, so that running a job twice writes once.
 */
export class ExtractProcessor {
  constructor(private readonly parts: ProcessorParts) {}

  async process(payload: JobPayload, signal: AbortSignal, onStage: (stage: JobStage) => void): Promise<JobResult> {
    const { library, extractor, weightsDir } = this.parts;
    const { spec, source, weightsDigest, calibrationDigest } = payload;
    onStage('fetch');
    const { key, sha256 } = await this.locate(source, signal);
    const featuresId = payload.featuresId ?? featureId(sha256, weightsDigest, { ...spec, calibrationDigest });
    if (await library.find(featuresId)) return { featuresId, timings: {} };

    const image: Image = { bytes: await this.read(key, sha256), sha256 };
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
      // The store reports a source that breaks off as `store-failed`; its own failures have other codes.
      if (error instanceof CairnError && error.code !== 'store-failed') throw error;
      throw new CairnError('url-unreachable', 'The image ended before all of it had arrived.', { cause: error });
    } finally {
      response.destroy();
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
