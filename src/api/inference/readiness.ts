import { asCairnError } from '../../errors.js';
import type { StoreHealth } from '../../features/store/store-health.js';
import type { JobQueue } from '../../jobs/queue.js';

/** Why inference is not possible now; undefined when queue and store can be written to and a worker is connected. */
export async function notReadyReason(
  queue: Pick<JobQueue, 'probe' | 'workers'>,
  store: Pick<StoreHealth, 'demand'>,
): Promise<string | undefined> {
  try {
    await queue.probe();
    await store.demand();
  } catch (error) {
    return asCairnError(error).message;
  }
  // A Redis service that hides its clients counts as one with workers.
  const workers = await queue.workers().catch(() => undefined);
  return workers?.length === 0 ? 'No worker is connected.' : undefined;
}
