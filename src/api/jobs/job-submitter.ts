import type { FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { CairnError } from '../../errors.js';
import { inspectImage } from '../../backbone/preprocess/decode.js';
import { featureId } from '../../features/feature-id.js';
import type { Store } from '../../features/store/store.js';
import { IMAGES_PREFIX, type ImageSource, type JobPayload } from '../../jobs/queue/job-payload.js';
import { JobQueue } from '../../jobs/queue/job-queue.js';
import type { FeatureLibrary } from '../features/feature-library.js';
import type { ModelRegistry } from '../models/model-registry.js';
import { cachedJob, jobView, type JobView } from './job-view.js';
import { readSubmission } from './read-submission.js';

export interface SubmitLimits {
  readonly maxUploadBytes: number;
  readonly maxPixels: number;
  readonly allowPrivateUrls: boolean;
}

/** Turns requests into jobs, or into the answer where the store has it already. */
export class JobSubmitter {
  constructor(
    private readonly queue: JobQueue,
    private readonly store: Store,
    private readonly library: FeatureLibrary,
    private readonly registry: ModelRegistry,
    private readonly limits: SubmitLimits,
  ) {}

  /** @throws CairnError with a 4xx code for what the submitter can mend, `queue-…` for what passes. */
  async submit(request: FastifyRequest): Promise<JobView> {
    const { options: asked, source } = await readSubmission(
      request,
      (bytes) => this.upload(bytes),
      (url) => ({ kind: 'url', url, allowPrivate: this.limits.allowPrivateUrls, maxBytes: this.limits.maxUploadBytes }),
    );
    const options = await this.registry.resolve(asked);
    const { model, stage5, levels, dtype, precision, size, priority } = options;
    const { weights, digest } = await this.registry.weights(model.name, stage5, levels);
    const question = { model: model.name, stage5, levels: [...levels], dtype, precision, size };
    const payload: JobPayload = { source, ...question, weights, weightsDigest: digest };
    if (source.kind === 'upload') {
      const id = featureId(source.sha256, digest, options);
      if (await this.library.has(id)) return cachedJob(await this.library.describe(id));
    }
    return jobView(await this.queue.submit(payload, priority));
  }

  /** Keeps the bytes under their digest, unless their header already tells that they are of no use. */
  private async upload(bytes: Readable): Promise<ImageSource> {
    const { maxUploadBytes, maxPixels } = this.limits;
    // A request that is destroyed for its size could not be answered any more.
    const chunks = bytes.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
    const { key, sha256 } = await this.store.putByDigest(IMAGES_PREFIX, chunks, maxUploadBytes);
    const object = await this.store.open(key);
    if (!object) throw new CairnError('image-unsupported', 'The same bytes were refused a moment ago.');
    try {
      await inspectImage(await object.read(0, object.size), maxPixels);
    } catch (error) {
      await this.store.delete(key);
      throw error;
    } finally {
      await object.close();
    }
    return { kind: 'upload', key, sha256 };
  }
}
