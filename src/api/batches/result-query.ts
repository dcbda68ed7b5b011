import { z } from 'zod';
import { isEntryId } from '../../redis/entry-id.js';
import { LEVEL_NAMES } from '../../backbone/graph/graph.js';
import { BEFORE_ALL } from '../../batches/ledger.js';
import { resultViewSchema } from '../../batches/view.js';
import { levelQuerySchema } from '../../features/level-query.js';
import { flag, listOf, must, wholeNumber } from '../../parse.js';

export const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 10_000;
const STATES = resultViewSchema.shape.state;

const after = z
  .string('must be the cursor of a result')
  .refine(isEntryId, 'must be the cursor of a result')
  .default(BEFORE_ALL)
  .meta({ description: 'Cursor of the last result received. Default: from the first result.' });

export const resultQuerySchema = z.strictObject({
  after,
  limit: wholeNumber(1, MAX_LIMIT)
    .optional()
    .meta({ description: `Most results to return. Default: ${DEFAULT_LIMIT} on a page, no limit as NDJSON.` }),
  state: z
    .enum(STATES.options, must(`must be ${STATES.options.join(', ')}`))
    .optional()
    .meta({ description: 'Only results of this state.' }),
  follow: flag().default(false).meta({ description: 'NDJSON only: continue until the batch is finished.' }),
});
export type ResultQuery = z.output<typeof resultQuerySchema>;

export const FEATURE_QUERY_CODES = { levels: 'level-unknown' } as const;

/** Which levels of each feature set; a level that no feature set can hold is refused at once. */
export const featureStreamQuerySchema = levelQuerySchema.extend({
  after,
  levels: listOf(z.enum(LEVEL_NAMES, must(`must be of ${LEVEL_NAMES.join(', ')}`)))
    .optional()
    .meta({ description: 'Names of levels. Default: every level of each feature set.', example: 'P2,P3' }),
});
export type FeatureStreamQuery = z.output<typeof featureStreamQuerySchema>;

export const resultPageSchema = z
  .object({
    results: z.array(resultViewSchema),
    next: z
      .string()
      .nullable()
      .meta({ description: 'Value of `after` for the next page; null: there are no more results by now.' }),
  })
  .meta({ id: 'BatchResultPage', description: 'A page of results in the order of completion.' });
export type ResultPage = z.infer<typeof resultPageSchema>;
