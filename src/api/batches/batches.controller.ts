import { Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Batch } from '../../batches/batch.js';
import { BatchIntake, type EntrySource } from '../../batches/intake.js';
import { batchNotFound, BatchQueue } from '../../batches/queue.js';
import { batchView, batchViewSchema, type BatchView } from '../../batches/view.js';
import { CairnError } from '../../errors.js';
import type { Store } from '../../features/store/store.js';
import { ImageIntake } from '../../images/intake.js';
import { jobOptionsSchema, type GivenOptions } from '../../jobs/options.js';
import { PRIORITY_NAMES } from '../../jobs/payload.js';
import { mayAccess, type Caller } from '../../keys/api-key.js';
import { Audit } from '../auth/audit.js';
import { CalledBy } from '../auth/key-guard.js';
import { Scope } from '../auth/scope.js';
import { binary, body, header, json, Operation } from '../openapi/operation.js';
import { STORE } from '../tokens.js';
import { Fingerprint } from './fingerprint.js';
import { readEntries, skipEntries } from './read-entries.js';

export const MAX_KEY_CHARS = 255;

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
    headers: {
      'Idempotency-Key': { description: 'Sending the same key with the same body again returns the same batch.' },
    },
    body: {
      ...binary('application/x-ndjson', 'application/x-tar', 'application/gzip', 'application/zip'),
      ...body('multipart/form-data', formSchema),
    },
    answers: {
      200: json('There is a batch of this key already.', batchViewSchema),
      202: json('The batch is running.', batchViewSchema, header('Location', 'Path of the batch.')),
    },
    refusals: {
      409: 'The Idempotency-Key came with another body before.',
      413: 'Too many entries, or too large.',
      422: 'Too many lines are refused.',
      429: 'Too many batches have not ended.',
    },
  })
  async submit(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @CalledBy() caller: Caller | undefined,
  ): Promise<void> {
    const key = idempotencyKey(request.headers['idempotency-key']);
    const id = key === undefined ? randomUUID() : batchId(key, caller);
    const fingerprint = key === undefined ? undefined : new Fingerprint(request);
    try {
      // Also shows whether the queue is available, before gigabytes are read.
      const known = await this.batches.find(id);
      let isNew = false;
      if (!known) isNew = await this.accept(id, request, caller, fingerprint);
      else if (fingerprint) {
        await skipEntries(request, fingerprint);
        refuseOther(known, await fingerprint.digest());
      }
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
  async get(@Param('id') id: string, @CalledBy() caller: Caller | undefined): Promise<BatchView> {
    await demandBatch(this.batches, id, caller);
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
    await demandBatch(this.batches, id, request.caller);
    const batch = batchView(await this.batches.cancel(id));
    this.audit.changed(request, `batch ${id} cancelled`);
    return batch;
  }

  /** Whether the batch is new: another request with its key may have come first. */
  private async accept(
    id: string,
    request: FastifyRequest,
    caller: Caller | undefined,
    fingerprint: Fingerprint | undefined,
  ): Promise<boolean> {
    await this.batches.demandPlace();
    const read: EntrySource = (check) => readEntries(request, this.store, this.images, check, fingerprint);
    const accepted = await this.intake.accept(id, request.query as GivenOptions, read, caller);
    const batch = fingerprint ? { ...accepted, fingerprint: await fingerprint.digest() } : accepted;
    // If this fails Redis may still have the batch, so the manifest stays; it is swept later.
    if (await this.batches.submit(batch)) return true;
    await this.intake.discard(batch);
    const first = await this.batches.find(id);
    if (first && batch.fingerprint !== undefined) refuseOther(first, batch.fingerprint);
    return false;
  }
}

/** @throws CairnError `batch-not-found`, also for a batch of another key. */
export async function demandBatch(batches: BatchQueue, id: string, caller: Caller | undefined): Promise<void> {
  const batch = await batches.find(id);
  if (!batch || !mayAccess(caller, batch.owner)) throw batchNotFound(id);
}

/** @throws CairnError `option-invalid`. */
function idempotencyKey(key: string | string[] | undefined): string | undefined {
  if (key === undefined || (typeof key === 'string' && key !== '' && key.length <= MAX_KEY_CHARS)) return key;
  throw new CairnError('option-invalid', `Idempotency-Key must be one text of at most ${MAX_KEY_CHARS} characters.`);
}

/** The same key of the same caller gives the same id. A header has no zero byte, so that no two pairs are one text. */
function batchId(key: string, caller: Caller | undefined): string {
  const text = caller ? `${caller.name}\0${key}` : key;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Batches of older versions have no fingerprint. @throws CairnError `idempotency-conflict`. */
function refuseOther({ fingerprint }: Batch, sent: string): void {
  if (fingerprint === undefined || fingerprint === sent) return;
  throw new CairnError(
    'idempotency-conflict',
    'This Idempotency-Key came with another body or other options before; a new batch needs a new key.',
  );
}
