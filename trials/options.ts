import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const OPTIONS = {
  minutes: { type: 'string' },
  seed: { type: 'string' },
  requests: { type: 'string' },
  only: { type: 'string' },
  out: { type: 'string' },
  'no-timing': { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
} as const;

/** What a suite is told on its command line. */
export interface TrialOptions {
  readonly minutes: number;
  /** Decides everything that is drawn at random; printed at the start. */
  readonly seed: number;
  /** `fuzz`: stop after this many requests, whatever the time. */
  readonly requests?: number;
  /** A part of the suite: a request by its number, attacks by theirs. */
  readonly only?: string;
  /** Where a drawing or a table goes. */
  readonly out?: string;
  /** Whether a latency beyond its limit is a failure: not on a machine that other programs keep busy. */
  readonly timing: boolean;
  /** Whether the folder of the run, with its logs, is kept. */
  readonly keep: boolean;
}

/** @throws TypeError for an option that there is not, RangeError for a number that is none. */
export function readTrialOptions(args: readonly string[], minutes: number): TrialOptions {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  return {
    minutes: values.minutes === undefined ? minutes : positive('minutes', values.minutes),
    seed: values.seed === undefined ? randomInt(2 ** 31) : positive('seed', values.seed),
    ...(values.requests !== undefined && { requests: positive('requests', values.requests) }),
    ...(values.only !== undefined && { only: values.only }),
    ...(values.out !== undefined && { out: values.out }),
    timing: !values['no-timing'],
    keep: values.keep,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 2 ** 32)) throw new RangeError(`--${name} must be a positive number, not "${text}".`);
  return value;
}
