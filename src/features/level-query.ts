import { z } from 'zod';
import { CairnError } from '../errors.js';
import { listOf, must } from '../parse.js';
import type { ArchiveReader } from './archive-reader.js';
import type { LevelDescription } from './feature-set.js';
import { SENT_DTYPES, type SentDtype } from './level-values.js';
import type { Window } from './window.js';

const ORDERS = ['fine-first', 'coarse-first'] as const;
const WINDOW = 'must be y0,x0,y1,x1 in pixels of the canvas with y0 < y1 and x0 < x1';
const NUMBER = /^\d+(\.\d+)?$/;

export const orderSchema = z
  .enum(ORDERS, must(`must be ${ORDERS.join(' or ')}`))
  .default('fine-first')
  .meta({ description: 'fine-first is the order of the archive; coarse-first sends the smallest level first.' });

export const asSchema = z
  .enum(SENT_DTYPES, must(`must be ${SENT_DTYPES.join(' or ')}`))
  .optional()
  .meta({ description: 'Type in which the levels are sent: values are converted on the way. Default: as stored.' });

/** Which levels of a feature set are sent, what is cut out of them, in which order and in which type. */
export const levelQuerySchema = z.strictObject({
  levels: listOf(z.string())
    .optional()
    .meta({ description: 'Names of levels. Default: every level of the feature set.', example: 'C2,C3' }),
  window: z.string().refine(isWindow, must(WINDOW)).optional().meta({
    description: 'y0,x0,y1,x1 in pixels of the canvas: the part to cut out of each level. Default: whole levels.',
    example: '128,0,512,256',
  }),
  order: orderSchema,
  as: asSchema,
});
export type LevelQuery = z.output<typeof levelQuerySchema>;

export interface LevelChoice {
  readonly levels: readonly LevelDescription[];
  readonly window: Window | undefined;
  /** Type to convert values to. */
  readonly as: SentDtype | undefined;
}

/** @throws CairnError `level-absent`, or `option-invalid` for a window beyond the canvas. */
export function selectLevels(archive: ArchiveReader, query: Partial<LevelQuery> = {}): LevelChoice {
  const levels = archive.select(query.levels);
  return {
    levels: query.order === 'coarse-first' ? levels.toSorted((a, b) => b.stride - a.stride) : levels,
    window: query.window === undefined ? undefined : windowWithin(query.window, archive.description.size),
    as: query.as,
  };
}

function isWindow(text: string): boolean {
  const parts = text.split(',');
  const [y0, x0, y1, x1] = parts.map(Number) as [number, number, number, number];
  return parts.length === 4 && parts.every((part) => NUMBER.test(part)) && y0 < y1 && x0 < x1;
}

function windowWithin(text: string, size: number): Window {
  const [y0, x0, y1, x1] = text.split(',').map(Number) as [number, number, number, number];
  if (y1 <= size && x1 <= size) return [y0, x0, y1, x1];
  throw new CairnError('option-invalid', `window must lie within the canvas, whose side is ${size}, not "${text}".`);
}
