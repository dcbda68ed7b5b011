import { Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConflictResponse,
  ApiConsumes,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { CairnError } from '../../errors.js';
import type { Store } from '../../features/store/store.js';
import { ImageIntake } from '../../images/intake.js';
import type { GivenOptions } from '../../jobs/options.js';
import { readEntries } from './read-entries.js';
import { STORE } from '../tokens.js';
import { BatchQueue } from '../../batches/queue.js';
import { BatchIntake } from '../../batches/intake.js';
import { batchView, type BatchView } from '../../batches/view.js';

const MAX_KEY_CHARS = 255;

@ApiTags('batches')
@Controller('v1/batches')
export class BatchesController {
  constructor(
    @Inject(BatchIntake) private readonly intake: BatchIntake,
    @Inject(BatchQueue) private readonly batches: BatchQueue,
    @Inject(ImageIntake) private readonly images: ImageIntake,
    @Inject(STORE) private readonly store: Store,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Submit many images: an NDJSON manifest, a tar or zip, or a form of files' })
  @ApiConsumes(
    'application/x-ndjson',
    'application/x-tar',
    'application/gzip',
    'application/zip',
    'multipart/form-data',
  )
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'the same key, the same batch' })
  @ApiQuery({ name: 'model', required: false, example: 'mask-rcnn-resnet50', description: 'and every option of a job' })
  @ApiQuery({ name: 'priority', required: false, enum: ['high', 'normal', 'low'], description: 'low by default' })
  @ApiResponse({ status: 202, description: 'Taken in; Location names the batch' })
  @ApiOkResponse({ description: 'There is a batch of this key already' })
  @ApiResponse({ status: '4XX', description: 'problem+json with a stable code' })
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = batchId(request.headers['idempotency-key']);
    try {
      // Also finds out whether there is a queue before gigabytes are read.
      const isNew = (await this.batches.find(id)) === undefined && (await this.accept(id, request));
      const batch = batchView(await this.batches.status(id));
      await reply
        .status(isNew ? 202 : 200)
        .header('location', batch.links.self)
        .send(batch);
    } finally {
      // What is not wanted is read past, so that the connection goes on.
      if (request.body instanceof Readable) request.body.resume();
    }
  }

  @Get(':id')
  @ApiOperation({ summary: 'Counts by state, rate and time to go' })
  @ApiOkResponse({ description: 'The batch' })
  @ApiNotFoundResponse({ description: 'There is no such batch' })
  async get(@Param('id') id: string): Promise<BatchView> {
    return batchView(await this.batches.status(id));
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Cancel what has not run' })
  @ApiOkResponse({ description: 'The cancelled batch' })
  @ApiConflictResponse({ description: 'It has already completed' })
  async cancel(@Param('id') id: string): Promise<BatchView> {
    return batchView(await this.batches.cancel(id));
  }

  /** Whether the batch is new: another request with its key may have been quicker. */
  private async accept(id: string, request: FastifyRequest): Promise<boolean> {
    const batch = await this.intake.accept(id, request.query as GivenOptions, (check) =>
      readEntries(request, this.store, this.images, check),
    );
    // Should this fail, Redis may have the batch all the same: its manifest stays, and is swept one day.
    const isNew = await this.batches.submit(batch);
    if (!isNew) await this.intake.discard(batch);
    return isNew;
  }
}

/** The same key gives the same id. @throws CairnError `option-invalid`. */
function batchId(key: string | string[] | undefined): string {
  if (key === undefined) return randomUUID();
  if (typeof key === 'string' && key !== '' && key.length <= MAX_KEY_CHARS) {
    return createHash('sha256').update(key).digest('hex').slice(0, 32);
  }
  throw new CairnError('option-invalid', `Idempotency-Key must be one text of at most ${MAX_KEY_CHARS} characters.`);
}
