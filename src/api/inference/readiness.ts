import { asCairnError } from '../../errors.js';
import type { JobQueue } from '../../jobs/queue.js';

/** Why inference is not possible now; undefined when the queue answers and a worker is connected. */
export async function notReadyReason(queue: JobQueue): Promise<string | undefined> {
  try {
    await queue.ping();
  } catch (error) {
    return asCairnError(error).message;
  }
  // A Redis service that hides its clients counts as one with workers.
  const workers = await queue.workers().catch(() => undefined);
  return workers?.length === 0 ? 'No worker is connected.' : undefined;
}
