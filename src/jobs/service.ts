import { asCairnError, CairnError } from '../errors.js';
import type { ArchiveReader } from '../features/archive-reader.js';
import type { FeatureLibrary } from '../features/library.js';
import type { StoreHealth } from '../features/store/store-health.js';
import { featureId } from '../spec/feature-id.js';
import { withBackboneLevels, type RequestedSpec } from '../spec/feature-spec.js';
import type { ModelRegistry, ResolvedSpec } from '../spec/resolve.js';
import { refuseLargeSpec, type SpecLimits } from '../spec/spec-limits.js';
import type { Caller } from '../keys/api-key.js';
import type { JobOptions } from './options.js';
import { PAYLOAD_FORMAT, type JobPayload } from './payload.js';
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
    private readonly health: StoreHealth,
    private readonly limits: SpecLimits,
  ) {}

  /**
   * The job of an image, which belongs to `caller`; a completed one, which never was in the queue and belongs to nobody, where
   * the store has its features.
   *
   * @throws CairnError as `resolve`; transient `queue-…` and `store-…`.
   */
  async submit({ spec, priority }: JobOptions, source: ImageSource, caller?: Caller): Promise<JobStatus> {
    const payload = this.payload(await this.resolve(spec), source, caller);
    const { featuresId } = payload;
    const found = featuresId === undefined ? undefined : await this.library.find(featuresId);
    if (found) return cachedStatus(found);
    await this.demandStore();
    return this.queue.submit(payload, priority, caller?.quotas.jobs);
  }

  /** @throws CairnError `store-full` or `store-unavailable` where results could not be kept now. */
  demandStore(): Promise<void> {
    return this.health.demand();
  }

  /** The id of the store; undefined until it has been seen. */
  get storeId(): string | undefined {
    return this.health.storeId;
  }

  /** What a job carries; a worker with another store hands it on. */
  payload(resolved: ResolvedSpec, source: ImageSource, caller?: Pick<Caller, 'name'>): JobPayload {
    const { storeId } = this;
    return {
      format: PAYLOAD_FORMAT,
      ...payloadFor(resolved, source),
      ...(storeId !== undefined && { store: storeId }),
      ...(caller && { owner: caller.name }),
    };
  }

  /**
   * The id of the features of an image, once they are in the store. The job is cancelled when `signal` is aborted.
   *
   * @throws CairnError as the job that failed, `cancelled`, or as `submit`.
   */
  async complete(options: JobOptions, source: ImageSource, signal: AbortSignal, caller?: Caller): Promise<string> {
    if (signal.aborted) throw new CairnError('cancelled', 'The client has gone away.');
    const job = await this.submit(options, source, caller);
    const { state, result, error } = job.result ? job : await this.waiter.end(job.id, signal);
    if (result) return result.featuresId;
    throw new CairnError(error?.code ?? 'cancelled', error?.message ?? `Job ${job.id} was ${state}.`);
  }

  /**
   * As `complete`, with the archive opened and checked, to be closed by the caller. One that is damaged is made anew.
   *
   * @throws CairnError as `complete`; `features-corrupt` where the new one is damaged too.
   */
  async open(options: JobOptions, source: ImageSource, signal: AbortSignal, caller?: Caller): Promise<ArchiveReader> {
    try {
      return await this.openChecked(await this.complete(options, source, signal, caller));
    } catch (error) {
      if (asCairnError(error).code !== 'features-corrupt') throw error;
    }
    return this.openChecked(await this.complete(options, source, signal, caller));
  }

  /**
   * As `open`, for each of some images: the archives in order, once all are there. When one fails, the jobs of the
   * others are cancelled.
   */
  async openAll(
    options: JobOptions,
    sources: readonly ImageSource[],
    signal: AbortSignal,
    caller?: Caller,
  ): Promise<ArchiveReader[]> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const runs = sources.map((source) => this.open(options, source, stop, caller));
    try {
      return await Promise.all(runs);
    } catch (error) {
      failed.abort();
      // Their jobs have been cancelled once these have settled.
      const ended = await Promise.allSettled(runs);
      for (const run of ended) if (run.status === 'fulfilled') await run.value.close();
      throw error;
    }
  }

  private async openChecked(id: string): Promise<ArchiveReader> {
    const archive = await this.library.archive(id);
    try {
      await archive.check(archive.description.levels);
      return archive;
    } catch (error) {
      await archive.close();
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
function payloadFor({ spec, ...resolved }: ResolvedSpec, source: ImageSource): JobPayload {
  if (source.kind !== 'upload') return { source, spec, ...resolved };
  const { weightsDigest, calibrationDigest } = resolved;
  const featuresId = featureId(source.sha256, weightsDigest, { ...spec, calibrationDigest });
  return { source, spec, featuresId, ...resolved };
}
