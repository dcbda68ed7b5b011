import type { Queue } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { CairnError } from '../errors.js';
import type { Store } from '../features/store/store.js';
import type { BatchLedger, FeedCursor, LineOutcome } from './ledger.js';
import { batchJobId, type BatchLine } from './manifest/schema.js';
import { endedLines, type Batch, type NewBatch } from './batch.js';
import { EXTRACT_JOB, type JobPayload } from '../jobs/payload.js';
import { PRIORITIES } from '../jobs/priorities.js';
import { identify, ManifestReader, type ManifestEntry } from './manifest/reader.js';

export interface FeederParts {
  readonly ledger: BatchLedger;
  readonly store: Store;
  /** The queue of jobs. */
  readonly queue: Queue<JobPayload>;
  /** Most lines of one batch that wait or run at a time. */
  readonly window: number;
  /** Batches stop being fed when this many jobs wait, so that single jobs find a place. */
  readonly queueLimit: number;
}

/** Lines handled at a time: the memory a batch takes, however long it is. */
const CHUNK = 100;
const LOOK_EVERY_MS = 250;

/** A job of a batch is forgotten by the queue when it has ended: by then its outcome is in the books. */
const JOB_OPTIONS = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: true,
} as const;

/**
 * Feeds batches from their manifests into the queue of jobs, a window at a time. Where it stands is kept in the
 * books, and a line that is fed twice is one job: a feeder may die anywhere, and another goes on.
 */
export class BatchFeeder {
  /** Batches look for room one after the other: together they would all find the same. */
  private readonly oneByOne = pLimit(1);

  constructor(private readonly parts: FeederParts) {}

  /**
   * Feeds one batch until it is finished, `signal` is aborted or `turnMs` are over. Answers whether it is finished: then every
   * line has its outcome.
   */
  async feed(given: NewBatch, signal: AbortSignal, turnMs: number): Promise<boolean> {
    const { ledger, store } = this.parts;
    await ledger.create(given);
    const turnEnds = Date.now() + turnMs;
    const { id } = given;
    let batch = await ledger.read(id);
    if (!batch || batch.finishedAt) return true;
    const manifest = await ManifestReader.open(store, batch.manifest);
    if (!manifest) {
      await ledger.giveUp(id);
      return true;
    }
    try {
      await this.restore(batch, manifest, signal);
      while (!signal.aborted && Date.now() < turnEnds) {
        batch = await ledger.read(id);
        if (!batch || batch.finishedAt) return true;
        if (batch.state === 'cancelled') await this.cancelRest(batch, manifest, signal);
        else await this.fill(batch, manifest, signal);
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      }
      return false;
    } finally {
      await manifest.close();
    }
  }

  /** Hands lines over until the window is full, the queue is, or there are no more. */
  private async fill(batch: Batch, manifest: ManifestReader, signal: AbortSignal): Promise<void> {
    const { ledger, window } = this.parts;
    let { cursor } = batch;
    let room = window - (cursor.lines - endedLines(batch));
    while (room > 0 && cursor.offset < manifest.size && !signal.aborted) {
      const entries = await this.oneByOne(() => this.handSome(batch.id, manifest, cursor, room));
      if (entries.length === 0) return;
      room -= entries.filter(({ line }) => 'payload' in line).length;
      cursor = behind(cursor, entries);
      await ledger.advance(batch.id, cursor);
    }
  }

  /** Hands over the lines from `cursor` that the queue has room for; answers which they were. */
  private async handSome(id: string, manifest: ManifestReader, { offset }: FeedCursor, most: number) {
    const { queue, queueLimit } = this.parts;
    const waiting = await queue.getJobCountByTypes('waiting', 'prioritized', 'delayed');
    const count = Math.min(CHUNK, most, queueLimit - waiting);
    if (count <= 0) return [];
    const entries = await manifest.read(offset, count);
    await this.handOver(id, entries);
    return entries;
  }

  /** A line that was refused gets its outcome, the others become jobs unless they have theirs. */
  private async handOver(id: string, entries: readonly ManifestEntry[]): Promise<void> {
    const { ledger } = this.parts;
    const refused = entries.flatMap(({ line }): LineOutcome[] =>
      'payload' in line ? [] : [{ line: line.line, name: line.name, state: 'failed', error: line.error }],
    );
    if (refused.length > 0) await ledger.record(id, refused);
    const open = await this.withoutOutcome(
      id,
      entries.map(({ line }) => line),
    );
    await this.enqueue(id, open);
  }

  private async enqueue(id: string, lines: readonly BatchLine[]): Promise<void> {
    const jobs = lines.flatMap((line) => {
      if (!('payload' in line)) return [];
      const jobId = batchJobId(id, line.payload.batch.line);
      const opts = { ...JOB_OPTIONS, jobId, priority: PRIORITIES[line.priority] };
      return [{ name: EXTRACT_JOB, data: line.payload, opts }];
    });
    if (jobs.length > 0) await this.parts.queue.addBulk(jobs);
  }

  /**
   * Lines that were handed over, have no outcome, and whose job the queue does not know any more (a worker died between
   * giving a job up and telling, Redis lost its last second) are handed over once more.
   */
  private async restore(batch: Batch, manifest: ManifestReader, signal: AbortSignal): Promise<void> {
    const { queue } = this.parts;
    for await (const lines of this.openLines(batch, manifest, signal)) {
      const lost: BatchLine[] = [];
      for (const line of lines) {
        const state = await queue.getJobState(batchJobId(batch.id, identify(line).line));
        if (state === 'unknown') lost.push(line);
      }
      // The outcome is recorded before the job goes: whoever has none now is lost.
      await this.enqueue(batch.id, await this.withoutOutcome(batch.id, lost));
    }
  }

  /** Takes back what waits, and ends what was never handed over; what runs is told to end by a message. */
  private async cancelRest(batch: Batch, manifest: ManifestReader, signal: AbortSignal): Promise<void> {
    const { ledger, queue } = this.parts;
    for await (const lines of this.openLines(batch, manifest, signal)) {
      const taken: BatchLine[] = [];
      for (const line of lines) {
        const jobId = batchJobId(batch.id, identify(line).line);
        const removed = await queue.remove(jobId);
        if (removed === 1 || (await queue.getJobState(jobId)) === 'unknown') taken.push(line);
      }
      if (taken.length > 0) await ledger.record(batch.id, taken.map(cancelled));
    }
    let { cursor } = batch;
    while (cursor.offset < manifest.size && !signal.aborted) {
      const entries = await manifest.read(cursor.offset, CHUNK);
      await ledger.record(
        batch.id,
        entries.map(({ line }) => cancelled(line)),
      );
      cursor = behind(cursor, entries);
      await ledger.advance(batch.id, cursor);
    }
  }

  /** The lines that were handed over and have no outcome, chunk after chunk. */
  private async *openLines(
    { id, cursor }: Batch,
    manifest: ManifestReader,
    signal: AbortSignal,
  ): AsyncGenerator<readonly BatchLine[]> {
    let settled = await this.parts.ledger.settled(id);
    let moving = true;
    while (settled.offset < cursor.offset && !signal.aborted) {
      const left = cursor.lines - settled.lines;
      const entries = await manifest.read(settled.offset, Math.min(CHUNK, left));
      const open = await this.withoutOutcome(
        id,
        entries.map(({ line }) => line),
      );
      settled = behind(settled, entries);
      moving &&= open.length === 0;
      if (moving) await this.parts.ledger.settle(id, settled);
      if (open.length > 0) yield open;
    }
  }

  private async withoutOutcome(id: string, lines: readonly BatchLine[]): Promise<BatchLine[]> {
    if (lines.length === 0) return [];
    const recorded = await this.parts.ledger.recorded(
      id,
      lines.map((line) => identify(line).line),
    );
    return lines.filter((_, i) => !recorded[i]);
  }
}

function behind({ lines }: FeedCursor, entries: readonly ManifestEntry[]): FeedCursor {
  const last = entries.at(-1);
  if (!last) throw new CairnError('store-failed', 'The manifest ends before its end.');
  return { offset: last.end, lines: lines + entries.length };
}

function cancelled(line: BatchLine): LineOutcome {
  const { line: number, name } = identify(line);
  if (!('payload' in line)) return { line: number, name, state: 'failed', error: line.error };
  return { line: number, name, state: 'cancelled', error: { code: 'cancelled', message: 'The batch was cancelled.' } };
}
