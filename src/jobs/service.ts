import { CairnError } from '../errors.js';
import type { FeatureLibrary } from '../features/library.js';
import { featureId } from '../spec/feature-id.js';
import { withBackboneLevels, type RequestedSpec } from '../spec/feature-spec.js';
import type { ModelRegistry, ResolvedSpec } from '../spec/resolve.js';
import { refuseLargeSpec, type SpecLimits } from '../spec/spec-limits.js';
import type { JobOptions } from './options.js';
import type { JobPayload } from './payload.js';
import type { ImageSource } from '../images/image-source.js';
import type { JobQueue } from './queue.js';
import { cachedStatus, type JobStatus } from './status.js';
import type { JobWaiter } from './waiter.js';

/** Submits jobs, or answers from the store where it has the features already. */
export class JobService {
  constructor(
    private readonly queue: JobQueue,
    private readonly waiter: JobWaiter,
    private readonly library: FeatureLibrary,
    private readonly registry: ModelRegistry,
    private readonly limits: SpecLimits,
  ) {}

  /**
   * The job of an image; a completed one, which never was in the queue, where the store has its features.
   *
   * @throws CairnError as `resolve`; transient `queue-…`.
   */
  async submit({ spec, priority }: JobOptions, source: ImageSource): Promise<JobStatus> {
    const payload = payloadFor(await this.resolve(spec), source);
    const { featuresId } = payload;
    const found = featuresId === undefined ? undefined : await this.library.find(featuresId);
    return found ? cachedStatus(found) : this.queue.submit(payload, priority);
  }

  /**
   * The id of the features of an image, once they are in the store. The job is cancelled when `signal` is aborted.
   *
   * @throws CairnError as the job that failed, `cancelled`, or as `submit`.
   */
  async complete(options: JobOptions, source: ImageSource, signal: AbortSignal): Promise<string> {
    if (signal.aborted) throw new CairnError('cancelled', 'The client has gone away.');
    const job = await this.submit(options, source);
    const { state, result, error } = job.result ? job : await this.waiter.end(job.id, signal);
    if (result) return result.featuresId;
    throw new CairnError(error?.code ?? 'cancelled', error?.message ?? `Job ${job.id} was ${state}.`);
  }

  /**
   * As `complete`, for each of some images: the ids in order, once all have ended. When one fails, the jobs of the
   * others are cancelled.
   */
  async completeAll(options: JobOptions, sources: readonly ImageSource[], signal: AbortSignal): Promise<string[]> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const runs = sources.map((source) => this.complete(options, source, stop));
    try {
      return await Promise.all(runs);
    } catch (error) {
      failed.abort();
      // Their jobs have been cancelled once these have settled.
      await Promise.allSettled(runs);
      throw error;
    }
  }

  /**
   * The levels and weights that a spec means here.
   *
   * @throws CairnError `spec-too-large`, and those of the weights module.
   */
  async resolve(requested: RequestedSpec): Promise<ResolvedSpec> {
    // Before the weights, whose digest takes a second; they may hold a pyramid, whose levels are the default then.
    refuseLargeSpec(withBackboneLevels(requested), this.limits);
    const resolved = await this.registry.resolve(requested);
    refuseLargeSpec(resolved.spec, this.limits);
    return resolved;
  }
}

/** What a job carries; the features' id is computed here and nowhere else on the way to the worker. */
export function payloadFor({ spec, ...resolved }: ResolvedSpec, source: ImageSource): JobPayload {
  if (source.kind !== 'upload') return { source, spec, ...resolved };
  const { weightsDigest, calibrationDigest } = resolved;
  const featuresId = featureId(source.sha256, weightsDigest, { ...spec, calibrationDigest });
  return { source, spec, featuresId, ...resolved };
}
