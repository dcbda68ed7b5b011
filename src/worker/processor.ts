import type { Readable } from 'node:stream';
import type { SessionRequest } from '../backbone/backbone.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { CairnError } from '../errors.js';
import type { Extractor, Image } from './extractor.js';
import { featureId } from '../spec/feature-id.js';
import { archiveKey } from '../features/feature-set.js';
import type { Store } from '../features/store/store.js';
import { IMAGES_PREFIX, type ImageSource, type JobPayload, type JobResult } from '../jobs/payload.js';
import { requestOf } from '../jobs/payload-request.js';
import type { JobStage } from '../jobs/stages.js';
import { fetchImage } from '../images/fetch.js';

export interface ProcessorParts {
  readonly extractor: Extractor;
  readonly store: Store;
  readonly weightsDir: string;
}

/**
 * Does one job: the image comes from the store or the web, the archive goes to the store. A job whose
 * archive is there already is done at once, so that running a job twice writes once.
 */
export class ExtractProcessor {
  constructor(private readonly parts: ProcessorParts) {}

  async process(payload: JobPayload, signal: AbortSignal, onStage: (stage: JobStage) => void): Promise<JobResult> {
    const { store, extractor } = this.parts;
    const request = await this.request(payload);
    onStage('fetch');
    const { key, sha256 } = await this.locate(payload.source, signal);
    const featuresId = featureId(sha256, payload.weightsDigest, request);
    if (await store.has(archiveKey(featuresId))) return { featuresId, timings: {} };

    const image: Image = { bytes: await this.read(key), sha256 };
    const { weightsDigest } = payload;
    const { timings, description } = await extractor.extract(image, request, { signal, onStage, weightsDigest });
    return { featuresId: description.id, timings };
  }

  private async request(payload: JobPayload): Promise<SessionRequest> {
    return { ...requestOf(payload), weights: await defaultWeights(payload.model, this.parts.weightsDir) };
  }

  private async locate(source: ImageSource, signal: AbortSignal): Promise<{ key: string; sha256: string }> {
    if (source.kind === 'upload') return source;
    const response: Readable = await fetchImage(source.url, { allowPrivate: source.allowPrivate, signal });
    try {
      return await this.parts.store.putByDigest(IMAGES_PREFIX, response, source.maxBytes);
    } catch (error) {
      // The store is given the blame for a source that breaks off unless it says otherwise.
      if (error instanceof CairnError && error.code !== 'store-failed') throw error;
      throw new CairnError('url-unreachable', 'The image broke off on its way.', { cause: error });
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
