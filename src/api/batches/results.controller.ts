import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { featureTar } from '../../batches/feature-tar.js';
import type { BatchResult } from '../../batches/ledger.js';
import { BatchQueue } from '../../batches/queue.js';
import { resultLines } from '../../batches/result-lines.js';
import { resultView, resultViewSchema } from '../../batches/view.js';
import { CairnError } from '../../errors.js';
import { FeatureLibrary } from '../../features/library.js';
import { streamReply } from '../http/stream-reply.js';
import { zod } from '../http/zod-pipe.js';
import { binary, json, Operation, textStream } from '../openapi/operation.js';
import { BATCH_NOT_FOUND, BATCH_PARAMS } from './batches.controller.js';
import {
  DEFAULT_LIMIT,
  FEATURE_QUERY_CODES,
  featureStreamQuerySchema,
  resultPageSchema,
  resultQuerySchema,
  type FeatureStreamQuery,
  type ResultPage,
  type ResultQuery,
} from './result-query.js';

const NDJSON = 'application/x-ndjson';
const PAGE = 1000;
/** Feature sets are large: a short page of results is enough to read ahead. */
const FEATURES_PAGE = 100;
/** A page of a rare state ends after this many results, and says where to continue. */
const MAX_EXAMINED = 20_000;

@ApiTags('batches')
@Controller('v1/batches')
export class ResultsController {
  constructor(
    private readonly batches: BatchQueue,
    private readonly library: FeatureLibrary,
  ) {}

  @Get(':id/results')
  @Operation({
    id: 'listBatchResults',
    summary: 'The outcome of each line, in the order of completion',
    description: `Pages of JSON, or with \`Accept: ${NDJSON}\` a line per result.`,
    params: BATCH_PARAMS,
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
    refusals: { 404: BATCH_NOT_FOUND },
  })
  async results(
    @Param('id') id: string,
    @Query(zod(resultQuerySchema)) query: ResultQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.checkExists(id);
    const { after, state, limit, follow } = query;
    if (!request.headers.accept?.includes(NDJSON)) {
      if (follow) throw new CairnError('option-invalid', `follow needs "Accept: ${NDJSON}".`);
      await reply.send(await this.page(id, query));
      return;
    }
    const stop = new AbortController();
    const pages = this.batches.follow(id, after, { follow, page: PAGE, signal: stop.signal });
    const body = Readable.from(resultLines(pages, state, limit), { encoding: 'utf8', highWaterMark: 1 });
    body.once('close', () => stop.abort());
    await streamReply(reply, NDJSON, body);
  }

  @Get(':id/features')
  @Operation({
    id: 'streamBatchFeatures',
    summary: 'Every feature set as it completes, in one tar that ends with the batch',
    params: BATCH_PARAMS,
    query: featureStreamQuerySchema,
    answers: {
      200: {
        description: 'Members `<line>.json` and `<line>.safetensors`, as WebDataset names them.',
        content: binary('application/x-tar'),
      },
    },
    refusals: { 404: BATCH_NOT_FOUND },
  })
  async features(
    @Param('id') id: string,
    @Query(zod(featureStreamQuerySchema, { codes: FEATURE_QUERY_CODES })) query: FeatureStreamQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { after, ...levels } = query;
    await this.checkExists(id);
    const stop = new AbortController();
    const pages = this.batches.follow(id, after, { follow: true, page: FEATURES_PAGE, signal: stop.signal });
    await streamReply(reply, 'application/x-tar', featureTar(pages, this.library, levels, stop));
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

  /** @throws CairnError `batch-not-found`, before an answer has begun. */
  private async checkExists(id: string): Promise<void> {
    if (!(await this.batches.find(id))) throw new CairnError('batch-not-found', `There is no batch ${id}.`);
  }
}
