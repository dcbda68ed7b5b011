import { randomUUID } from 'node:crypto';
import type { Store } from '../features/store/store.js';
import { BATCHES_PREFIX } from './manifest/schema.js';
import type { NewBatch } from './batch.js';
import type { JobService } from '../jobs/service.js';
import type { GivenOptions } from '../jobs/options.js';
import type { Entry } from './entries/entry.js';
import { LineWriter } from './manifest/writer.js';

/** The entries of a batch; `check` checks the options that come with them before the first image is stored. */
export type EntrySource = (check: (options: GivenOptions) => void) => AsyncIterable<Entry>;

/**
 * Accepts batches. Lines are checked, completed and written to the store as they arrive, so memory use does not depend
 * on the length of a batch.
 */
export class BatchIntake {
  constructor(
    private readonly store: Store,
    private readonly jobs: JobService,
  ) {}

  /**
   * Reads a batch and stores its manifest. If the client disconnects, no manifest is left behind.
   *
   * @throws CairnError `batch-empty`, `option-…` for the defaults of all lines, and those of the entries.
   */
  async accept(id: string, defaults: GivenOptions, read: EntrySource): Promise<NewBatch> {
    const lines = new LineWriter(id, defaults, this.jobs);
    lines.check({});
    const manifest = `${BATCHES_PREFIX}/${id}.${randomUUID()}.ndjson`;
    await this.store.put(manifest, lines.write(read((options) => lines.check(options))));
    const { total, rejected } = lines;
    return { id, manifest, total, rejected, createdAt: new Date().toISOString() };
  }

  /** Deletes a manifest that is not needed. */
  discard({ manifest }: NewBatch): Promise<void> {
    return this.store.delete(manifest);
  }
}
