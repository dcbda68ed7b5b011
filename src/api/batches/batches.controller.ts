import { Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { BatchIntake } from '../../batches/intake.js';
import { BatchQueue } from '../../batches/queue.js';
import { batchView, batchViewSchema, type BatchView } from '../../batches/view.js';
import { CairnError } from '../../errors.js';
import type { Store } from '../../features/store/store.js';
import { ImageIntake } from '../../images/intake.js';
import { jobOptionsSchema, type GivenOptions } from '../../jobs/options.js';
import { PRIORITY_NAMES } from '../../jobs/payload.js';
import { Audit } from '../auth/audit.js';
import { Scope } from '../auth/scope.js';
import { binary, body, header, json, Operation } from '../openapi/operation.js';
import { STORE } from '../tokens.js';
import { readEntries } from './read-entries.js';

const MAX_KEY_CHARS = 255;

/** Operations on one batch. */
export const BATCH = {
  params: { id: { description: 'Id of the batch.' } },
  refusals: { 404: 'There is no such batch; batches are kept for seven days once they are finished.' },
};

const optionsSchema = jobOptionsSchema.extend({
  priority: z.enum(PRIORITY_NAMES).default('low').meta({ description: 'Place of its jobs in the queue.' }),
});
const formSchema = optionsSchema.extend({ images: z.array(z.file()) }).meta({
  id: 'BatchForm',
  description: 'Options of every image, and after them the images as files, under any names.',
});

@Controller('v1/batches')
export class BatchesController {
  constructor(
    private readonly intake: BatchIntake,
    private readonly batches: BatchQueue,
    private readonly images: ImageIntake,
    private readonly audit: Audit,
    @Inject(STORE) private readonly store: Store,
  ) {}

  @Post()
  @Scope('submit')
  @Operation({
    id: 'submitBatch',
    summary: 'Submit many images',
    description:
      'An NDJSON manifest of `{"source": {"url": …} or {"sha256": …}, "name": …, options}`, a tar or zip of images (each also in gzip), or a form of files. Options in the query hold for every image that has no others.',
    query: optionsSchema,
    headers: { 'Idempotency-Key': { description: 'Sending the same key again returns the same batch.' } },
    body: {
      ...binary('application/x-ndjson', 'application/x-tar', 'application/gzip', 'application/zip'),
      ...body('multipart/form-data', formSchema),
    },
    answers: {
      200: json('There is a batch of this key already.', batchViewSchema),
      202: json('The batch is running.', batchViewSchema, header('Location', 'Path of the batch.')),
    },
    refusals: { 413: 'Too many entries.', 422: 'Too many lines are refused.' },
  })
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const id = batchId(request.headers['idempotency-key']);
    try {
      // Also shows whether the queue is available, before gigabytes are read.
      const isNew = (await this.batches.find(id)) === undefined && (await this.accept(id, request));
      const batch = batchView(await this.batches.status(id));
      await reply
        .status(isNew ? 202 : 200)
        .header('location', batch.links.self)
        .send(batch);
    } finally {
      // Drain the unread body to keep the connection alive.
      if (request.body instanceof Readable) request.body.resume();
    }
  }

  @Get(':id')
  @Scope('read')
  @Operation({
    id: 'getBatch',
    summary: 'Counts by state, rate and time to the end',
    ...BATCH,
    answers: { 200: json('The batch.', batchViewSchema) },
  })
  async get(@Param('id') id: string): Promise<BatchView> {
    return batchView(await this.batches.status(id));
  }

  @Delete(':id')
  @Scope('submit')
  @Operation({
    id: 'cancelBatch',
    summary: 'Cancel the lines that have no outcome yet',
    ...BATCH,
    answers: { 200: json('The cancelled batch.', batchViewSchema) },
    refusals: { ...BATCH.refusals, 409: 'The batch has already completed.' },
  })
  async cancel(@Param('id') id: string, @Req() request: FastifyRequest): Promise<BatchView> {
    const batch = batchView(await this.batches.cancel(id));
    this.audit.changed(request, `batch ${id} cancelled`);
    return batch;
  }

  /** Whether the batch is new: another request with its key may have come first. */
  private async accept(id: string, request: FastifyRequest): Promise<boolean> {
    const batch = await this.intake.accept(id, request.query as GivenOptions, (check) =>
      readEntries(request, this.store, this.images, check),
    );
    // If this fails Redis may still have the batch, so the manifest stays; it is swept later.
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
