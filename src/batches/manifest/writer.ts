import { CairnError } from '../../errors.js';
import { MAX_MESSAGE, type BatchLine } from './schema.js';
import type { Rejected } from '../batch.js';
import type { ResolvedSpec } from '../../spec/resolve.js';
import type { Priority } from '../../jobs/payload.js';
import { parseJobOptions, type GivenOptions, type JobOptions } from '../../jobs/options.js';
import { payloadFor, type JobService } from '../../jobs/service.js';
import { MAX_LINES, refusal, type Entry } from '../entries/entry.js';

/** How many refused lines the answer lists; all of them are among the results. */
const MAX_LISTED = 100;
/** Lines are written in pieces of about this size. */
const PIECE_CHARS = 64 << 10;
/** Different sets of options that are remembered while a batch comes in. */
const MAX_REMEMBERED = 64;
/** Single jobs, for which somebody waits, go before thousands that nobody watches. */
const PRIORITY: Priority = 'low';

/** What all lines with the same options have in common. */
interface Template extends ResolvedSpec {
  readonly priority: Priority;
}

/** Turns the entries of one batch into its manifest, and counts them. */
export class LineWriter {
  total = 0;
  readonly rejected: Rejected = { count: 0, first: [] };
  private readonly templates = new Map<string, Template>();

  constructor(
    private readonly batchId: string,
    private readonly defaults: GivenOptions,
    private readonly jobs: JobService,
  ) {}

  /** Options that hold for every line unless it has others. @throws CairnError `option-…`. */
  check(options: GivenOptions): JobOptions {
    return parseJobOptions({ priority: PRIORITY, ...this.defaults, ...options });
  }

  /** @throws CairnError `batch-empty`, `batch-too-large`, and what the entries throw. */
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
      return { payload: { ...payloadFor(resolved, source), batch: { id: this.batchId, line, name } }, priority };
    } catch (error) {
      return this.reject(entry, refusal(error));
    }
  }

  private reject({ line, name }: Entry, { code, message: whole }: CairnError): BatchLine {
    const { rejected } = this;
    // It may quote what was sent, and is read again with every look at the batch.
    const message = whole.slice(0, MAX_MESSAGE);
    rejected.count++;
    if (rejected.first.length < MAX_LISTED) rejected.first.push({ line, code, message });
    return { line, name, error: { code, message } };
  }

  /** Thousands of lines have the same few options: models and weights are looked up once for each. */
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
