import { CairnError } from '../../errors.js';
import type { ImageSource } from '../../jobs/payload.js';
import type { JobWaiter } from '../../jobs/waiter.js';
import type { JobOptions } from '../../jobs/options.js';
import type { JobSubmitter } from '../../jobs/service.js';

export interface JobRunner {
  readonly submitter: JobSubmitter;
  readonly waiter: JobWaiter;
}

/**
 * A job for each image; resolves with the ids of their feature sets, in order, once all have ended. When one of them
 * fails, or `signal` is aborted, the others are cancelled.
 *
 * @throws CairnError as the first job that failed, `cancelled`, or as the submitter.
 */
export async function runJobs(
  images: readonly ImageSource[],
  options: JobOptions,
  { submitter, waiter }: JobRunner,
  signal: AbortSignal,
): Promise<string[]> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const runs = images.map(async (image) => {
    if (stop.aborted) throw new CairnError('cancelled', 'Nobody waits for the answer any more.');
    const job = await submitter.submit(options, image);
    if (job.features) return job.features.id;
    const { state, result, error } = await waiter.end(job.id, stop);
    if (result) return result.featuresId;
    throw new CairnError(error?.code ?? 'cancelled', error?.message ?? `Job ${job.id} was ${state}.`);
  });
  try {
    return await Promise.all(runs);
  } catch (error) {
    failed.abort();
    // Their jobs are cancelled when these have ended.
    await Promise.allSettled(runs);
    throw error;
  }
}
