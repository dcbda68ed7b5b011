import type { Batch } from './batch-schema.js';
import type { FinishedLine } from './follow-batch.js';
import type { BadLine } from './manifest-line.js';
import { duration, type Progress } from './progress.js';

/** A summary that named thousands would bury what it says. */
const NAMED_FAILURES = 10;

interface Failure {
  readonly line: number;
  readonly name?: string | null | undefined;
  readonly code: string;
  readonly message: string;
}

/** How a batch ended. */
export interface Summary {
  /** Undefined where no line was good enough to be submitted. */
  readonly id: string | undefined;
  readonly state: Batch['state'] | undefined;
  readonly total: number;
  readonly completed: number;
  /** Counts lines that could not be submitted, or whose features could not be fetched, too. */
  readonly failed: number;
  /** How many of the failed the server refused at once. */
  readonly rejected: number;
  readonly cancelled: number;
  readonly elapsedSeconds: number;
  /** Feature sets a second that were completed while this command looked on; null where it did not wait. */
  readonly rate: number | null;
}

/** Tells a person on stderr, or a program on stdout, what became of each line of a batch. */
export class Report {
  private readonly begun = performance.now();
  private readonly failures: Failure[] = [];
  /** Lines that were not submitted. */
  private notSubmitted = 0;
  /** Lines that the server has completed and whose features could not be fetched. */
  private notFetched = 0;
  private first: { readonly completed: number; readonly at: number } | undefined;

  constructor(
    private readonly json: boolean,
    readonly progress: Progress,
  ) {}

  bad({ line, name, error: { code, message } }: BadLine): void {
    this.notSubmitted++;
    this.name({ line, name, code, message });
    this.print({ line, name, state: 'failed', error: { code, message } });
  }

  /** Lines that the server refused at once. Whoever follows the batch learns of them from its results. */
  rejected({ rejected }: Batch, lineOf: (submitted: number) => number): void {
    for (const { line: submitted, code, message } of rejected.first) {
      const line = lineOf(submitted);
      this.name({ line, code, message });
      this.print({ line, state: 'failed', error: { code, message } });
    }
  }

  finished({ name, state, features, error, path }: FinishedLine, line: number): void {
    if (state === 'failed')
      this.name({ line, name, ...(error ?? { code: 'internal', message: 'No reason is known.' }) });
    if (state === 'failed' && features) this.notFetched++;
    const told = state === 'completed' ? { features, path } : { error: error ?? undefined };
    this.print({ line, name: name ?? undefined, state, ...told });
  }

  batch(batch: Batch): void {
    this.first ??= { completed: batch.counts.completed, at: performance.now() };
    this.progress.show(batch);
  }

  /** The last words; sets the status of the process. */
  end(batch: Batch | undefined): void {
    // The bar ends where the batch did, not where it was when it was last asked for.
    if (batch && this.first) this.progress.show(batch);
    this.progress.end();
    const summary = this.summarise(batch);
    this.print({ summary });
    if (!this.json) this.tell(summary);
    if (summary.failed + summary.cancelled > 0) process.exitCode = 1;
  }

  private summarise(batch: Batch | undefined): Summary {
    const now = performance.now();
    const counts = batch?.counts ?? { completed: 0, failed: 0, cancelled: 0 };
    const { completed, failed, cancelled } = counts;
    const rejected = batch?.rejected.count ?? 0;
    const seconds = this.first && (now - this.first.at) / 1000;
    return {
      id: batch?.id,
      state: batch?.state,
      total: (batch?.total ?? 0) + this.notSubmitted,
      completed: completed - this.notFetched,
      failed: failed + this.notSubmitted + this.notFetched,
      cancelled,
      rejected,
      elapsedSeconds: Math.round(now - this.begun) / 1000,
      rate: seconds === undefined ? null : Math.round(((completed - this.first!.completed) / seconds) * 100) / 100,
    };
  }

  private tell({ id, state, completed, failed, cancelled, rejected, elapsedSeconds, rate }: Summary): void {
    for (const { line, name, code, message } of this.failures) {
      console.error(`cairn: line ${line}${name ? ` (${name})` : ''}: ${message} [${code}]`);
    }
    if (failed > this.failures.length) {
      const where = id === undefined ? '' : `; all of the server's: cairn batch results ${id} --state failed`;
      console.error(`cairn: and ${failed - this.failures.length} more${where}`);
    }
    const parts = [
      `${completed} completed`,
      `${failed} failed${rejected > 0 ? ` (${rejected} rejected)` : ''}`,
      `${cancelled} cancelled`,
    ];
    const pace = rate === null ? '' : `, ${rate.toFixed(2)} sets/s`;
    console.log(
      `${id ?? 'nothing submitted'}: ${state ? `${state}, ` : ''}${parts.join(', ')} in ${duration(elapsedSeconds)}${pace}`,
    );
  }

  private name(failure: Failure): void {
    if (this.failures.length < NAMED_FAILURES) this.failures.push(failure);
  }

  private print(value: object): void {
    if (this.json) console.log(JSON.stringify(value));
  }
}
