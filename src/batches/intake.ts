import type { FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { Store } from '../features/store/store.js';
import { BATCHES_PREFIX } from './manifest/schema.js';
import type { NewBatch } from './batch.js';
import type { ImageIntake } from '../images/intake.js';
import type { JobSubmitter } from '../jobs/service.js';
import type { GivenOptions } from '../api/http/read-submission.js';
import { LineWriter } from './manifest/writer.js';
import { readEntries } from '../api/batches/read-entries.js';

/**
 * Takes batches in. Their lines go through to the store as they come, checked and completed: what a batch takes in
 * memory does not depend on its length.
 */
export class BatchIntake {
  constructor(
    private readonly store: Store,
    private readonly images: ImageIntake,
    private readonly submitter: JobSubmitter,
  ) {}

  /**
   * Reads a batch and keeps its manifest. A client that breaks off leaves none.
   *
   * @throws CairnError `batch-empty`, `option-…` for the defaults of all lines, and those of `readEntries`.
   */
  async accept(id: string, request: FastifyRequest): Promise<NewBatch> {
    const lines = new LineWriter(id, request.query as GivenOptions, this.submitter);
    lines.check({});
    const manifest = `${BATCHES_PREFIX}/${id}.${randomUUID()}.ndjson`;
    const entries = readEntries(request, this.store, this.images, (fields) => lines.check(fields));
    await this.store.put(manifest, lines.write(entries));
    const { total, rejected } = lines;
    return { id, manifest, total, rejected, createdAt: new Date().toISOString() };
  }

  /** Forgets a manifest that is not needed. */
  discard({ manifest }: NewBatch): Promise<void> {
    return this.store.delete(manifest);
  }
}
