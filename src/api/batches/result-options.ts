import { CairnError } from '../../errors.js';
import { BEFORE_ALL, type BatchResult } from '../../batches/ledger.js';
import { parseOrder } from '../features/level-options.js';

type Query = Readonly<Record<string, unknown>>;

const RESULT_OPTIONS = ['after', 'limit', 'state', 'follow'] as const;
const FEATURE_OPTIONS = ['after', 'levels', 'window', 'order'] as const;
const STATES = ['completed', 'failed', 'cancelled'] as const;
/** Milliseconds and a number, as Redis counts the entries of a stream. */
const CURSOR = /^\d{1,15}-\d{1,15}$/;
const LEVEL = /^[CP][1-6]$/;
const MAX_LIMIT = 10_000;

export interface ResultOptions {
  readonly after: string;
  /** Undefined: no limit was asked. */
  readonly limit: number | undefined;
  readonly state: BatchResult['state'] | undefined;
  readonly follow: boolean;
}

/** @throws CairnError `option-unknown` or `option-invalid`. */
export function parseResultOptions(query: Query): ResultOptions {
  refuseUnknown(query, RESULT_OPTIONS);
  const { limit, state, follow = 'false' } = query;
  const known = STATES.find((name) => name === state);
  if (state !== undefined && known === undefined) throw invalid(`state must be ${STATES.join(', ')}`);
  if (follow !== 'true' && follow !== 'false') throw invalid('follow must be true or false');
  const count = limit === undefined ? undefined : parseCount(limit);
  if (count !== undefined && (count < 1 || count > MAX_LIMIT)) throw invalid(`limit must be from 1 to ${MAX_LIMIT}`);
  return { after: parseCursor(query['after']), limit: count, state: known, follow: follow === 'true' };
}

export interface FeatureStreamOptions {
  readonly after: string;
  /** For each feature set, as for a single one. */
  readonly choice: Query;
}

/** @throws CairnError `option-unknown`, `option-invalid` or `level-unknown`. */
export function parseFeatureStreamOptions(query: Query): FeatureStreamOptions {
  refuseUnknown(query, FEATURE_OPTIONS);
  const { after, ...choice } = query;
  const names = levelNames(choice['levels']);
  const unknown = names.find((name) => !LEVEL.test(name));
  if (unknown !== undefined) throw new CairnError('level-unknown', `There is no level "${unknown}".`);
  parseOrder(choice['order']);
  return { after: parseCursor(after), choice };
}

/** An option that is repeated comes as a list. */
function levelNames(levels: unknown): string[] {
  if (levels === undefined) return [];
  const lists = (Array.isArray(levels) ? levels : [levels]) as string[];
  return lists.flatMap((list) => list.split(','));
}

/** Zero, which is never right, for what is no number. */
function parseCount(text: unknown): number {
  return typeof text === 'string' && /^\d{1,5}$/.test(text) ? Number(text) : 0;
}

function parseCursor(after: unknown = BEFORE_ALL): string {
  if (typeof after === 'string' && CURSOR.test(after)) return after;
  throw invalid('after must be the cursor of a result');
}

function refuseUnknown(query: Query, known: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new CairnError('option-unknown', `There is no option "${unknown}"; known are ${known.join(', ')}.`);
}

function invalid(what: string): CairnError {
  return new CairnError('option-invalid', `${what}.`);
}
