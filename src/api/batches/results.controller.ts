import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { CairnError } from '../../errors.js';
import type { BatchResult } from '../../batches/ledger.js';
import { BatchQueue } from '../../batches/queue.js';
import { FeatureLibrary } from '../../features/library.js';
import { resultView, type ResultView } from '../../batches/view.js';
import { featureTar } from '../../batches/feature-tar.js';
import { resultLines } from '../../batches/result-lines.js';
import { parseFeatureStreamOptions, parseResultOptions, type ResultOptions } from './result-options.js';
import { sendGrowing } from '../http/stream-reply.js';

const NDJSON = 'application/x-ndjson';
const DEFAULT_LIMIT = 1000;
const PAGE = 1000;
/** Feature sets are large: what is read ahead of them need not be long. */
const FEATURES_PAGE = 100;
/** A page that looks for rare states gives up after this many results, and says where to go on. */
const MAX_LOOKED_AT = 20_000;

@ApiTags('batches')
@ApiNotFoundResponse({ description: 'There is no such batch' })
@Controller('v1/batches')
export class ResultsController {
  constructor(
    @Inject(BatchQueue) private readonly batches: BatchQueue,
    @Inject(FeatureLibrary) private readonly library: FeatureLibrary,
  ) {}

  @Get(':id/results')
  @ApiOperation({ summary: 'What became of each line, in the order of completion: in pages, or as NDJSON' })
  @ApiQuery({ name: 'after', required: false, description: 'the cursor of the last result received' })
  @ApiQuery({ name: 'limit', required: false, example: DEFAULT_LIMIT })
  @ApiQuery({ name: 'state', required: false, enum: ['completed', 'failed', 'cancelled'] })
  @ApiQuery({ name: 'follow', required: false, description: 'NDJSON only: goes on until the batch is finished' })
  @ApiOkResponse({ description: 'The results', content: { 'application/json': {}, [NDJSON]: {} } })
  async results(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const options = parseResultOptions(query);
    await this.known(id);
    if (!request.headers.accept?.includes(NDJSON)) {
      if (options.follow) throw new CairnError('option-invalid', `follow needs "Accept: ${NDJSON}".`);
      await reply.send(await this.page(id, options));
      return;
    }
    const { after, state, limit, follow } = options;
    const stop = new AbortController();
    const pages = this.batches.follow(id, after, { follow, page: PAGE, signal: stop.signal });
    const body = Readable.from(resultLines(pages, state, limit), { encoding: 'utf8', highWaterMark: 1 });
    body.once('close', () => stop.abort());
    await sendGrowing(reply, NDJSON, body);
  }

  @Get(':id/features')
  @ApiOperation({ summary: 'Every feature set as it completes, in one tar that ends with the batch' })
  @ApiQuery({ name: 'after', required: false, description: 'the cursor of the last feature set received' })
  @ApiQuery({ name: 'levels', required: false, example: 'P2,P3' })
  @ApiQuery({ name: 'window', required: false, example: '128,0,512,256' })
  @ApiQuery({ name: 'order', required: false, enum: ['fine-first', 'coarse-first'] })
  @ApiOkResponse({ description: 'Members <line>.json and <line>.safetensors', content: { 'application/x-tar': {} } })
  async features(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { after, choice } = parseFeatureStreamOptions(query);
    await this.known(id);
    const stop = new AbortController();
    const pages = this.batches.follow(id, after, { follow: true, page: FEATURES_PAGE, signal: stop.signal });
    const body = featureTar(pages, this.library, choice, stop);
    await sendGrowing(reply, 'application/x-tar', body);
  }

  private async page(
    id: string,
    { after, state, limit = DEFAULT_LIMIT }: ResultOptions,
  ): Promise<{ results: ResultView[]; next: string | null }> {
    const results: BatchResult[] = [];
    let cursor = after;
    for (let looked = 0; results.length < limit && looked < MAX_LOOKED_AT; looked += PAGE) {
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
  private async known(id: string): Promise<void> {
    if (!(await this.batches.find(id))) throw new CairnError('batch-not-found', `There is no batch ${id}.`);
  }
}
