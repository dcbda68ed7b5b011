import { CairnError } from '../../errors.js';
import type { ArchiveReader } from '../../features/archive-reader.js';
import type { LevelDescription } from '../../features/feature-set.js';
import type { Window } from '../../features/window.js';

const OPTION_NAMES = ['levels', 'window', 'order'] as const;
const ORDERS = ['fine-first', 'coarse-first'] as const;
const NUMBER = /^\d+(\.\d+)?$/;

/** Which levels are sent, in which order, and what is cut out of them. */
export interface LevelChoice {
  readonly levels: readonly LevelDescription[];
  readonly window: Window | undefined;
}

/**
 * Reads the query of a request for levels.
 *
 * @throws CairnError `option-unknown`, `option-invalid`, or `level-absent`.
 */
export function chooseFrom(archive: ArchiveReader, query: Readonly<Record<string, unknown>>): LevelChoice {
  const unknown = Object.keys(query).find((name) => !(OPTION_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new CairnError('option-unknown', `There is no option "${unknown}"; known are ${OPTION_NAMES.join(', ')}.`);
  }
  const [names, window, order] = OPTION_NAMES.map((name) => textOf(query[name]));
  const levels = archive.select(names?.split(','));
  return {
    levels: parseOrder(order) === 'fine-first' ? levels : levels.toSorted((a, b) => b.stride - a.stride),
    window: window === undefined ? undefined : parseWindow(window, archive.description.size),
  };
}

/** `fine-first` is the archive's own order. @throws CairnError `option-invalid`. */
export function parseOrder(order: unknown = ORDERS[0]): (typeof ORDERS)[number] {
  const known = ORDERS.find((name) => name === order);
  if (known) return known;
  throw new CairnError('option-invalid', `order must be ${ORDERS.join(' or ')}, not "${String(order)}".`);
}

function parseWindow(text: string, size: number): Window {
  const numbers = text.split(',').map((part) => (NUMBER.test(part) ? Number(part) : NaN));
  const [y0, x0, y1, x1] = numbers as [number, number, number, number];
  if (numbers.length === 4 && y0 < y1 && x0 < x1 && y1 <= size && x1 <= size) return [y0, x0, y1, x1];
  throw new CairnError(
    'option-invalid',
    `window must be y0,x0,y1,x1 in pixels of the canvas, 0 ≤ y0 < y1 ≤ ${size} and likewise for x, not "${text}".`,
  );
}

/** An option that is repeated comes as a list; so `levels=C3&levels=C5` is `levels=C3,C5`. */
function textOf(value: unknown): string | undefined {
  return Array.isArray(value) ? value.join(',') : (value as string | undefined);
}
