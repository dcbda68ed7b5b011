import type { Batch, BatchResult } from '../../client/index.js';
import { duration } from '../output.js';
import { Progress } from '../progress.js';
import { printable, printableJson } from '../../printable.js';
import { interruptible } from '../interruption.js';
import type { BadLine } from './manifest-line.js';

/** A summary that listed thousands of failures would hide the rest. */
const MAX_LISTED = 10;

type Failure = Batch['rejected']['first'][number] & { readonly name?: string | undefined };

/** A result, and the file with its features. */
export interface FinishedLine extends BatchResult {
  readonly path?: string;
}

/** The final state of a batch. */
type Summary = ReturnType<Report['summarise']>;

/** Runs a command with a report of its batch; if Ctrl-C ends it, `advice` says how to go on. */
export async function withReport(
  json: boolean,
  work: (report: Report, signal: AbortSignal) => Promise<void>,
  advice: () => string,
): Promise<void> {
  const progress = new Progress({ bar: !json });
  const onInterrupted = () => {
    progress.end();
    progress.say(advice());
  };
  try {
    await interruptible((signal) => work(new Report(json, progress), signal), onInterrupted);
  } finally {
    progress.end();
  }
}

/**
 * Reports the outcome of each line of a batch: to a person on stderr with a summary on stdout, to a program as JSON
 * on stdout. Lines that could not be submitted count as failed everywhere.
 */
export class Report {
  private readonly begun = performance.now();
  private readonly failures: Failure[] = [];
  private prepared = 0;
  private uploaded = 0;
  private notSubmitted = 0;
  /** Lines that the server completed but whose features could not be fetched. */
  private notFetched = 0;
  private first: { readonly completed: number; readonly at: number } | undefined;

  constructor(
    private readonly json: boolean,
    private readonly progress: Progress,
  ) {}

  /** The server is away. */
  readonly outage = ({ message }: Error): void => this.progress.say(`${message} Trying again.`);

  /** One of `total` images is on the server. */
  ready(uploaded: boolean, total: number): void {
    const value = ++this.prepared;
    if (uploaded) this.uploaded++;
    this.progress.show({ value, total, text: `${value}/${total} images on the server, ${this.uploaded} uploaded` });
  }

  bad({ line, name, error: { code, message } }: BadLine): void {
    this.notSubmitted++;
    this.list({ line, name, code, message });
    this.print({ line, name, state: 'failed', error: { code, message } });
  }

  submitted({ id, total }: Batch, found: boolean): void {
    const left = this.notSubmitted > 0 ? `; ${this.notSubmitted} more failed before submission` : '';
    this.progress.end();
    this.progress.say(`batch ${id} ${found ? 'already exists' : 'submitted'}, ${total} images${left}`);
  }

  /** Lines that the server rejected on submission; a command that follows the batch gets them as results. */
  rejected({ rejected }: Batch): void {
    for (const { line, code, message } of rejected.first) {
      this.list({ line, code, message });
      this.print({ line, state: 'failed', error: { code, message } });
    }
  }

  finished({ line, name, state, features, error, path }: FinishedLine): void {
    if (state === 'failed') {
      this.list({ line, name, ...(error ?? { code: 'internal', message: 'The server gives no reason.' }) });
      if (features) this.notFetched++;
    }
    this.print({ line, name, state, ...(state === 'completed' ? { features, path } : { error }) });
  }

  batch(batch: Batch): void {
    this.first ??= { completed: batch.counts.completed, at: performance.now() };
    const { total, completed, failed, cancelled } = this.summarise(batch);
    const value = completed + failed + cancelled;
    const { rate, etaSeconds } = batch;
    const pace = rate > 0 && etaSeconds !== null ? `, ${rate.toFixed(2)}/s, ${duration(etaSeconds)} left` : '';
    this.progress.show({ value, total, text: `${value}/${total} images${pace}, ${failed} failed` });
  }

  /**
   * Prints the summary and sets the exit status.
   *
   * @param out where the feature sets were written.
   */
  end(batch: Batch | undefined, out?: string): void {
    // The last poll may have been earlier.
    if (batch && this.first) this.batch(batch);
    this.progress.end();
    const summary = this.summarise(batch);
    this.print({ summary });
    if (!this.json) this.printSummary(summary, out);
    if (summary.failed + summary.cancelled > 0) process.exitCode = 1;
  }

  private summarise(batch: Batch | undefined) {
    const { first, notSubmitted, notFetched } = this;
    const now = performance.now();
    const { completed, failed, cancelled } = batch?.counts ?? { completed: 0, failed: 0, cancelled: 0 };
    return {
      /** Undefined where there was no line to submit. */
      id: batch?.id,
      state: batch?.state,
      total: (batch?.total ?? 0) + notSubmitted,
      completed: completed - notFetched,
      /** Includes lines that could not be submitted, and those whose features could not be fetched. */
      failed: failed + notSubmitted + notFetched,
      cancelled,
      /** How many of the failed lines the server rejected on submission. */
      rejected: batch?.rejected.count ?? 0,
      elapsedSeconds: Math.round(now - this.begun) / 1000,
      /** Feature sets per second while this command watched; null where it did not wait. */
      rate: first ? Math.round(((completed - first.completed) / (now - first.at)) * 100_000) / 100 : null,
    };
  }

  private printSummary(summary: Summary, out: string | undefined): void {
    const { id, total, completed, failed, cancelled, rejected, elapsedSeconds, rate } = summary;
    for (const { line, name, code, message } of this.failures) {
      console.error(printable(`cairn: line ${line}${name ? ` (${name})` : ''}: ${message} [${code}]`));
    }
    if (failed > this.failures.length) {
      const where = id === undefined ? '' : `; the server's: cairn batch results ${id} --state failed`;
      console.error(`cairn: and ${failed - this.failures.length} more${where}`);
    }
    if (id !== undefined && rate === null) {
      console.log(id);
      return;
    }
    const counts = [
      `${completed} of ${total} completed`,
      `${failed} failed${rejected > 0 ? ` (${rejected} rejected)` : ''}`,
      `${cancelled} cancelled`,
    ];
    const pace = rate === null || rate === 0 ? '' : `, ${rate.toFixed(2)} sets/s`;
    console.log(`${id ?? 'nothing submitted'}: ${counts.join(', ')} in ${duration(elapsedSeconds)}${pace}`);
    if (out !== undefined && completed > 0) console.log(`feature sets: ${out}`);
  }

  private list(failure: Failure): void {
    if (this.failures.length < MAX_LISTED) this.failures.push(failure);
  }

  private print(value: object): void {
    if (this.json) console.log(printableJson(value));
  }
}
