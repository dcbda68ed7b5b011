import { setTimeout as delay } from 'node:timers/promises';
import { ask, parse } from '../ask.js';
import type { Audience } from './audience.js';
import type { Shift } from './shift.js';

/** Images of servers that stall take five deadlines and the pauses between them: the longer the run, the more of them wait. */
const WITHOUT_PROGRESS_MS = 120_000;
const WITHIN_MS = 1800_000;
const LOOK_EVERY_MS = 500;
const FINAL = ['completed', 'failed', 'cancelled'];

interface State {
  readonly state: string;
  readonly finishedAt?: string;
}

/** Waits until everything accepted has an outcome, and everything announced has been heard. */
export async function settle({ origin, ledger, promises }: Shift, audience: Audience): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  let progress = { at: Date.now(), ended: '' };
  const jobs = new Set(ledger.jobs.keys());
  const batches = new Set(ledger.batches.keys());
  const look = async (open: Set<string>, path: string, isOver: (view: State) => boolean) => {
    for (const id of open) {
      const answer = await ask(origin, path + id);
      // One that is gone is a matter of the account.
      if (answer?.status === 404 || (answer?.status === 200 && isOver(parse<State>(answer)))) open.delete(id);
    }
  };
  for (;;) {
    await look(jobs, '/v1/jobs/', ({ state }) => FINAL.includes(state));
    await look(batches, '/v1/batches/', ({ finishedAt }) => finishedAt !== undefined);
    const open = [...jobs, ...batches];
    if (open.length === 0 && (await audience.isDone())) return;
    const ended = `${open.length} ${await endedLines(origin, batches)} ${audience.heard.size} ${audience.acknowledged.size}`;
    if (ended !== progress.ended) progress = { at: Date.now(), ended };
    if (Date.now() > deadline || Date.now() > progress.at + WITHOUT_PROGRESS_MS) {
      const some = open.length === 0 ? 'announcements' : `${open.length}: ${open.slice(0, 10).join(', ')}`;
      promises.broken(
        'all ends when nothing is wrong any more',
        `${some}; no progress for ${WITHOUT_PROGRESS_MS / 1000} s`,
      );
      return;
    }
    await delay(LOOK_EVERY_MS);
  }
}

/** When all have their outcome, nothing waits or runs. */
export async function checkQueue({ origin, promises }: Shift): Promise<void> {
  const metrics = (await ask(origin, '/metrics'))?.body.toString() ?? '';
  const left = [...metrics.matchAll(/^cairn_jobs\{state="(queued|active)"\} ([1-9]\d*)/gm)];
  const texts = left.map(([, state, count]) => `${count} ${state}`);
  promises.check(left.length === 0, 'the queue is empty at the end', texts.join());
}

/** How many lines of these batches have their outcome. */
async function endedLines(origin: string, batches: Iterable<string>): Promise<number> {
  let ended = 0;
  for (const id of batches) {
    const answer = await ask(origin, `/v1/batches/${id}`);
    if (answer?.status !== 200) continue;
    const { counts } = parse<{ counts: Record<'completed' | 'failed' | 'cancelled', number> }>(answer);
    ended += counts.completed + counts.failed + counts.cancelled;
  }
  return ended;
}
