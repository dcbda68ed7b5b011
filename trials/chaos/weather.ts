import { setTimeout as delay } from 'node:timers/promises';
import type { Counts } from '../counts.js';
import type { Random } from '../random.js';
import { FAULTS, type Fault } from './faults.js';
import type { Ledger } from './ledger.js';
import type { Setting } from './setting.js';

const CALM_MS = [500, 3000] as const;
const TWO_AT_ONCE_SHARE = 0.25;

/** Lets faults strike one after the other, now and then two at once, until the time is over: each before any comes again. */
export async function weather(
  setting: Setting,
  ledger: Ledger,
  random: Random,
  until: number,
  strikes: Counts,
  say: (line: string) => void,
): Promise<void> {
  const possible = FAULTS.filter(({ isPossible }) => isPossible?.(setting) ?? true);
  let waiting: Fault[] = [];
  const next = (beside?: Fault): Fault | undefined => {
    if (waiting.length === 0) waiting = random.shuffled(possible);
    const index = waiting.findIndex(({ targets }) => !targets.some((target) => beside?.targets.includes(target)));
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  };
  while (Date.now() < until) {
    await delay(random.between(...CALM_MS));
    const first = next()!;
    const second = random.chance(TWO_AT_ONCE_SHARE) ? next(first) : undefined;
    const struck = second ? [first, second] : [first];
    say(struck.map(({ name }) => name).join(', and '));
    for (const { name } of struck) strikes.add(name);
    await Promise.all(struck.map(({ strike }) => strike(setting, random.fork(), ledger)));
  }
}
