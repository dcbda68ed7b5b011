import { featureId } from '../spec/feature-id.js';
import type { ImageSource, JobPayload } from './payload.js';
import { JobQueue } from './queue.js';
import type { FeatureLibrary } from '../features/library.js';
import type { ModelRegistry } from '../spec/resolve.js';
import type { JobOptions } from './options.js';
import { cachedJob, jobView, type JobView } from '../api/jobs/job-view.js';

/** A question as the queue carries it. */
export interface Question {
  readonly payload: JobPayload;
  /** Of the answer; not known of an image that is still to be fetched. */
  readonly featuresId?: string;
}

/** Turns questions into jobs, or into the answer where the store has it already. */
export class JobSubmitter {
  constructor(
    private readonly queue: JobQueue,
    private readonly library: FeatureLibrary,
    private readonly registry: ModelRegistry,
  ) {}

  /** @throws CairnError of the weights room for what is asked, `queue-…` for what passes. */
  async submit(asked: JobOptions, source: ImageSource): Promise<JobView> {
    const { payload, featuresId } = await this.question(asked, source);
    if (featuresId !== undefined && (await this.library.has(featuresId))) {
      return cachedJob(await this.library.describe(featuresId));
    }
    return jobView(await this.queue.submit(payload, asked.priority));
  }

  /** What a job would carry. @throws CairnError of the weights room. */
  async question(asked: JobOptions, source: ImageSource): Promise<Question> {
    const options = await this.registry.resolve(asked);
    const { model, stage5, levels, dtype, precision, size } = options;
    const { weights, digest } = await this.registry.weights(model.name, stage5, levels);
    const request = { model: model.name, stage5, levels: [...levels], dtype, precision, size };
    const payload: JobPayload = { source, ...request, weights, weightsDigest: digest };
    return { payload, ...(source.kind === 'upload' && { featuresId: featureId(source.sha256, digest, options) }) };
  }
}
