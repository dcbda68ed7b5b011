import { asCairnError } from '../../errors.js';
import type { JobQueue } from '../../jobs/queue.js';

/** Why nothing can be inferred now; undefined when it can: the queue answers and somebody works on it. */
export async function unreadiness(queue: JobQueue): Promise<string | undefined> {
  try {
    await queue.ping();
  } catch (error) {
    return asCairnError(error).message;
  }
  // A Redis that answers and does not tell who is connected is given the benefit of the doubt.
  const workers = await queue.workers().catch(() => undefined);
  return workers?.length === 0 ? 'No worker is connected.' : undefined;
}
