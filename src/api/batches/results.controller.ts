import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { LEVEL_NAMES } from '../../backbone/graph/graph.js';
import { featureTar } from '../../batches/feature-tar.js';
import { BEFORE_ALL, type BatchResult } from '../../batches/ledger.js';
import { BatchQueue } from '../../batches/queue.js';
import { resultLines } from '../../batches/result-lines.js';
import { resultView, resultViewSchema } from '../../batches/view.js';
import { CairnError } from '../../errors.js';
import { BandBudget } from '../../features/band-budget.js';
import { levelQuerySchema } from '../../features/level-query.js';
import { FeatureLibrary } from '../../features/library.js';
import { flag, listOf, must, wholeNumber } from '../../parse.js';
import { isEntryId } from '../../redis/entry-id.js';
import { Scope } from '../auth/scope.js';
import { ClientGone } from '../http/client-gone.js';
import { streamReply } from '../http/event-stream.js';
import { zod } from '../http/zod-pipe.js';
import { binary, json, Operation, textStream } from '../openapi/operation.js';
import { BATCH, demandBatch } from './batches.controller.js';

const NDJSON = 'application/x-ndjson';
const DEFAULT_LIMIT = 1000;
export const MAX_LIMIT = 10_000;
const STATES = resultViewSchema.shape.state;
const PAGE = 1000;
/** Feature sets are large: a short page of results is enough to read ahead. */
const FEATURES_PAGE = 100;
/** A page of a rare state ends after this many results, and says where to continue. */
const MAX_EXAMINED = 20_000;

const after = z
  .string('must be the cursor of a result')
  .refine(isEntryId, 'must be the cursor of a result')
  .default(BEFORE_ALL)
  .meta({ description: 'Cursor of the last result received. Default: from the first result.' });

const resultQuerySchema = z.strictObject({
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
type ResultQuery = z.output<typeof resultQuerySchema>;

/** Which levels of each feature set; a level that no feature set can hold is refused at once. */
const featureStreamQuerySchema = levelQuerySchema.extend({
  after,
  levels: listOf(z.enum(LEVEL_NAMES, must(`must be of ${LEVEL_NAMES.join(', ')}`)))
    .optional()
    .meta({ description: 'Names of levels. Default: every level of each feature set.', example: 'P2,P3' }),
});
type FeatureStreamQuery = z.output<typeof featureStreamQuerySchema>;

const resultPageSchema = z
  .object({
    results: z.array(resultViewSchema),
    next: z
      .string()
      .nullable()
      .meta({ description: 'Value of `after` for the next page; null: there are no more results by now.' }),
  })
  .meta({ id: 'BatchResultPage', description: 'A page of results in the order of completion.' });
type ResultPage = z.infer<typeof resultPageSchema>;

@Controller('v1/batches')
export class ResultsController {
  constructor(
    private readonly batches: BatchQueue,
    private readonly library: FeatureLibrary,
    private readonly streams: BandBudget,
  ) {}

  @Get(':id/results')
  @Scope('read')
  @Operation({
    id: 'listBatchResults',
    summary: 'The outcome of each line, in the order of completion',
    description: `Pages of JSON, or with \`Accept: ${NDJSON}\` a line per result.`,
    ...BATCH,
    query: resultQuerySchema,
    answers: {
      200: {
        description: 'The results.',
        content: {
          ...json('', resultPageSchema).content,
          ...textStream(NDJSON, 'A result per line; an empty line is a heartbeat.', { line: resultViewSchema }),
        },
      },
    },
  })
  async results(
    @Param('id') id: string,
    @Query(zod(resultQuerySchema)) query: ResultQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    await demandBatch(this.batches, id, request.caller);
    const { after, state, limit, follow } = query;
    if (!request.headers.accept?.includes(NDJSON)) {
      if (follow) throw new CairnError('option-invalid', `follow needs "Accept: ${NDJSON}".`);
      await reply.send(await this.page(id, query));
      return;
    }
    const pages = this.batches.follow(id, after, { follow, page: PAGE, signal: gone });
    const body = Readable.from(resultLines(pages, state, limit), { encoding: 'utf8', highWaterMark: 1 });
    await streamReply(reply, NDJSON, body);
  }

  @Get(':id/features')
  @Scope('read')
  @Operation({
    id: 'streamBatchFeatures',
    summary: 'Every feature set as it completes, in one tar that ends with the batch',
    ...BATCH,
    query: featureStreamQuerySchema,
    answers: {
      200: {
        description: 'Members `<line>.json` and `<line>.safetensors`, as WebDataset names them.',
        content: binary('application/x-tar'),
      },
    },
  })
  async features(
    @Param('id') id: string,
    @Query(zod(featureStreamQuerySchema, { codes: { levels: 'level-unknown' } })) query: FeatureStreamQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { after, ...levels } = query;
    await demandBatch(this.batches, id, reply.request.caller);
    const stop = new AbortController();
    const pages = this.batches.follow(id, after, { follow: true, page: FEATURES_PAGE, signal: stop.signal });
    await streamReply(reply, 'application/x-tar', featureTar(pages, this.library, levels, stop, this.streams));
  }

  private async page(id: string, { after, state, limit = DEFAULT_LIMIT }: ResultQuery): Promise<ResultPage> {
    const results: BatchResult[] = [];
    let cursor = after;
    for (let examined = 0; results.length < limit && examined < MAX_EXAMINED; examined += PAGE) {
      const found = await this.batches.page(id, cursor, PAGE);
      const wanted = found.filter((result) => state === undefined || result.state === state);
      const taken = wanted.slice(0, limit - results.length);
      results.push(...taken);
      const whole = taken.length === wanted.length;
      cursor = (whole ? found : taken).at(-1)?.cursor ?? cursor;
      if (whole && found.length < PAGE) return { results: results.map(resultView), next: null };
    }
    return { results: results.map(resultView), next: cursor };
  }
}
