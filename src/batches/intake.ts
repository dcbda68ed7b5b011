import { randomUUID } from 'node:crypto';
import { CairnError } from '../errors.js';
import type { Store } from '../features/store/store.js';
import { parseJobOptions, type GivenOptions, type JobOptions } from '../jobs/options.js';
import type { Priority } from '../jobs/payload.js';
import type { Caller } from '../keys/api-key.js';
import type { JobService } from '../jobs/service.js';
import type { ResolvedSpec } from '../spec/resolve.js';
import type { NewBatch, Rejected } from './batch.js';
import { MAX_LINES, refusal, type Entry } from './entries/entry.js';
import { BATCHES_PREFIX, MAX_MESSAGE, type BatchLine } from './manifest.js';

/** How many refused lines the response lists; the results have all of them. */
const MAX_LISTED = 100;
/** Lines are written in pieces of about this size. */
const PIECE_CHARS = 64 << 10;
/** How many different sets of options are cached while a batch is received. */
const MAX_REMEMBERED = 64;
/** Single jobs, which a client waits for, take precedence over batches. */
const PRIORITY: Priority = 'low';

export interface BatchLimits {
  /** Most lines that may be refused: Redis and the manifest keep an outcome for each. */
  readonly maxRefused: number;
}

type Owner = Pick<Caller, 'name'>;

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
    private readonly limits: BatchLimits,
  ) {}

  /**
   * Reads a batch of `caller` and stores its manifest. If the client disconnects, no manifest is left behind.
   *
   * @throws CairnError `batch-empty`, `batch-invalid` for too many refused lines, `option-…` for the defaults of all
   *   lines, and those of the entries.
   */
  async accept(id: string, defaults: GivenOptions, read: EntrySource, caller?: Owner): Promise<NewBatch> {
    const lines = new LineWriter({ id, caller }, defaults, this.jobs, this.limits);
    lines.check({});
    await this.jobs.demandStore();
    const manifest = `${BATCHES_PREFIX}/${id}.${randomUUID()}.ndjson`;
    await this.store.put(manifest, lines.write(read((options) => lines.check(options))));
    const { total, rejected } = lines;
    const { storeId } = this.jobs;
    const createdAt = new Date().toISOString();
    return {
      ...{ id, manifest, total, rejected, createdAt },
      ...(storeId !== undefined && { store: storeId }),
      ...(caller && { owner: caller.name }),
    };
  }

  /** Deletes a manifest that is not needed. */
  discard({ manifest }: NewBatch): Promise<void> {
    return this.store.delete(manifest);
  }
}

/** The part of a payload that all lines with the same options share. */
interface Template extends ResolvedSpec {
  readonly priority: Priority;
}

/** Turns the entries of one batch into its manifest, and counts them. */
class LineWriter {
  total = 0;
  readonly rejected: Rejected = { count: 0, first: [] };
  private readonly templates = new Map<string, Template>();

  constructor(
    private readonly batch: { readonly id: string; readonly caller: Owner | undefined },
    private readonly defaults: GivenOptions,
    private readonly jobs: JobService,
    private readonly limits: BatchLimits,
  ) {}

  /** Checks options together with the defaults, which they override. @throws CairnError `option-…`. */
  check(options: GivenOptions): JobOptions {
    return parseJobOptions({ priority: PRIORITY, ...this.defaults, ...options });
  }

  /** @throws CairnError `batch-empty`, `batch-too-large`, `batch-invalid`, and what the entries throw. */
  async *write(entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
    let piece = '';
    for await (const entry of entries) {
      if (++this.total > MAX_LINES) throw new CairnError('batch-too-large', `A batch has at most ${MAX_LINES} images.`);
      piece += `${JSON.stringify(await this.toLine(entry))}\n`;
      if (piece.length < PIECE_CHARS) continue;
      yield Buffer.from(piece);
      piece = '';
    }
    if (this.total === 0) throw new CairnError('batch-empty', 'There is no image in this batch.');
    yield Buffer.from(piece);
  }

  private async toLine(entry: Entry): Promise<BatchLine> {
    if ('error' in entry) return this.reject(entry, entry.error);
    const { line, name, source, options } = entry;
    try {
      const { priority, ...resolved } = await this.template(options);
      const { id, caller } = this.batch;
      return { payload: { ...this.jobs.payload(resolved, source, caller), batch: { id, line, name } }, priority };
    } catch (error) {
      return this.reject(entry, refusal(error));
    }
  }

  private reject({ line, name }: Entry, { code, message: whole }: CairnError): BatchLine {
    const { rejected } = this;
    // The message may quote the request, and every status of the batch repeats it.
    const message = whole.slice(0, MAX_MESSAGE);
    rejected.count++;
    const { maxRefused } = this.limits;
    if (rejected.count > maxRefused) {
      const text = `More than ${maxRefused} lines of this batch are refused, line ${line} with: ${message}`;
      throw new CairnError('batch-invalid', text);
    }
    if (rejected.first.length < MAX_LISTED) rejected.first.push({ line, code, message });
    return { line, name, error: { code, message } };
  }

  /** Thousands of lines share a few sets of options: models and weights are resolved once per set. */
  private async template(options: GivenOptions): Promise<Template> {
    const key = JSON.stringify(options);
    const known = this.templates.get(key);
    if (known) return known;
    const asked = this.check(options);
    const template = { ...(await this.jobs.resolve(asked.spec)), priority: asked.priority };
    if (this.templates.size < MAX_REMEMBERED) this.templates.set(key, template);
    return template;
  }
}
