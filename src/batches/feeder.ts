import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { asCairnError, CairnError } from '../errors.js';
import type { Store } from '../features/store/store.js';
import type { BatchLedger, LineOutcome } from './ledger.js';
import { endedLines, type Batch, type FeedCursor, type NewBatch } from './batch.js';
import { countWaiting, type ExtractQueue } from '../jobs/extract-queue.js';
import { batchJobId, EXTRACT_JOB, PRIORITIES } from '../jobs/payload.js';
import type { Log } from '../log.js';
import { identify, ManifestReader, type BatchLine, type ManifestBlock } from './manifest.js';

export interface FeederParts {
  readonly ledger: BatchLedger;
  readonly store: Store;
  readonly queue: ExtractQueue;
  /** Most lines of one batch that are in the queue at a time. */
  readonly window: number;
  /** Batches stop being fed when this many jobs wait, so that single jobs still fit. */
  readonly queueLimit: number;
  readonly log: Log;
}

/** Lines held in memory at a time, however long the batch is. */
const CHUNK = 100;
const LOOK_EVERY_MS = 250;

/** The queue drops a finished job of a batch at once: its outcome is in the ledger by then. */
const REMOVED_AT_END = { removeOnComplete: true, removeOnFail: true } as const;

/**
 * Feeds batches from their manifests into the queue of jobs, a window at a time. The ledger knows how far it came, and a
 * line that is fed twice is one job: a feeder may die anywhere, and another continues.
 */
export class BatchFeeder {
  /** Batches claim room in the queue one after the other: concurrently all would claim the same room. */
  private readonly oneByOne = pLimit(1);

  constructor(private readonly parts: FeederParts) {}

  /**
   * Feeds one batch until it is finished, `signal` is aborted or `turnMs` have passed. Returns whether it is finished: then
   * every line has its outcome.
   */
  async feed(given: NewBatch, signal: AbortSignal, turnMs: number): Promise<boolean> {
    const { ledger, store, log } = this.parts;
    await ledger.create(given);
    const turnEnds = Date.now() + turnMs;
    const { id } = given;
    let batch = await ledger.read(id);
    if (!batch || batch.finishedAt) return true;
    const manifest = await ManifestReader.open(store, batch.manifest);
    if (!manifest) {
      await ledger.fail(id);
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
    } catch (error) {
      if (asCairnError(error).code !== 'archive-corrupt') throw error;
      // It would be as damaged the next time: lines without an outcome count as failed.
      log.warn(`batch ${id} ends: ${asCairnError(error).message}`);
      await ledger.fail(id);
      return true;
    } finally {
      await manifest.close();
    }
  }

  /** Enqueues lines until the window or the queue is full, or there are no more. */
  private async fill(batch: Batch, manifest: ManifestReader, signal: AbortSignal): Promise<void> {
    const { ledger, window } = this.parts;
    let { cursor } = batch;
    let room = window - (cursor.lines - endedLines(batch));
    while (room > 0 && cursor.offset < manifest.size && !signal.aborted) {
      const block = await this.oneByOne(() => this.enqueueChunk(batch.id, manifest, cursor, room));
      if (!block) return;
      room -= block.lines.filter((line) => 'payload' in line).length;
      cursor = advance(cursor, block);
      await ledger.advance(batch.id, cursor);
    }
  }

  /**
   * Enqueues as many lines from `cursor` as the queue has room for; returns them. A refused line gets its outcome; the
   * others become jobs unless they have an outcome already.
   */
  private async enqueueChunk(id: string, manifest: ManifestReader, { offset }: FeedCursor, most: number) {
    const { queue, queueLimit, ledger } = this.parts;
    const count = Math.min(CHUNK, most, queueLimit - (await countWaiting(queue)));
    if (count <= 0) return undefined;
    const block = await manifest.read(offset, count);
    await ledger.recordLines(id, block.lines.filter((line) => !('payload' in line)).map(outcomeWithoutJob));
    await this.enqueue(id, await this.withoutOutcome(id, block.lines));
    return block;
  }

  private async enqueue(id: string, lines: readonly BatchLine[]): Promise<void> {
    const jobs = lines.flatMap((line) => {
      if (!('payload' in line)) return [];
      const jobId = batchJobId(id, line.payload.batch.line);
      const opts = { ...REMOVED_AT_END, jobId, priority: PRIORITIES[line.priority] };
      return [{ name: EXTRACT_JOB, data: line.payload, opts }];
    });
    if (jobs.length > 0) await this.parts.queue.addBulk(jobs);
  }

  /**
   * Enqueues again the lines that were enqueued, have no outcome, and whose job the queue no longer knows: a worker died
   * between failing a job and recording it, or Redis lost its last second.
   */
  private async restore(batch: Batch, manifest: ManifestReader, signal: AbortSignal): Promise<void> {
    const { queue } = this.parts;
    for await (const lines of this.openLines(batch, manifest, signal)) {
      const lost: BatchLine[] = [];
      for (const line of lines) {
        const state = await queue.getJobState(batchJobId(batch.id, identify(line).line));
        if (state === 'unknown') lost.push(line);
      }
      // The outcome is recorded before the job is removed: a line that has none now is lost.
      await this.enqueue(batch.id, await this.withoutOutcome(batch.id, lost));
    }
  }

  /** Removes waiting jobs and cancels lines that were never enqueued; running jobs are cancelled by a message. */
  private async cancelRest(batch: Batch, manifest: ManifestReader, signal: AbortSignal): Promise<void> {
    const { ledger, queue } = this.parts;
    for await (const lines of this.openLines(batch, manifest, signal)) {
      const taken: BatchLine[] = [];
      for (const line of lines) {
        const jobId = batchJobId(batch.id, identify(line).line);
        const removed = await queue.remove(jobId);
        if (removed === 1 || (await queue.getJobState(jobId)) === 'unknown') taken.push(line);
      }
      await ledger.recordLines(batch.id, taken.map(outcomeWithoutJob));
    }
    let { cursor } = batch;
    while (cursor.offset < manifest.size && !signal.aborted) {
      const block = await manifest.read(cursor.offset, CHUNK);
      await ledger.recordLines(batch.id, block.lines.map(outcomeWithoutJob));
      cursor = advance(cursor, block);
      await ledger.advance(batch.id, cursor);
    }
  }

  /** The lines that were enqueued and have no outcome, in chunks. */
  private async *openLines(
    { id, cursor, settled: from }: Batch,
    manifest: ManifestReader,
    signal: AbortSignal,
  ): AsyncGenerator<readonly BatchLine[]> {
    let settled = from;
    let moving = true;
    while (settled.offset < cursor.offset && !signal.aborted) {
      const block = await manifest.read(settled.offset, Math.min(CHUNK, cursor.lines - settled.lines));
      const open = await this.withoutOutcome(id, block.lines);
      settled = advance(settled, block);
      moving &&= open.length === 0;
      if (moving) await this.parts.ledger.settle(id, settled);
      if (open.length > 0) yield open;
    }
  }

  private async withoutOutcome(id: string, lines: readonly BatchLine[]): Promise<BatchLine[]> {
    const numbers = lines.map((line) => identify(line).line);
    const recorded = await this.parts.ledger.recorded(id, numbers);
    return lines.filter((_, i) => !recorded[i]);
  }
}

function advance(cursor: FeedCursor, { lines, end }: ManifestBlock): FeedCursor {
  if (lines.length === 0) throw new CairnError('archive-corrupt', 'The manifest is cut off.');
  return { offset: end, lines: cursor.lines + lines.length };
}

/** Of a line that was refused, or of one that was cancelled before a worker took it. */
function outcomeWithoutJob(line: BatchLine): LineOutcome {
  if ('error' in line) return { ...line, state: 'failed' };
  const { line: number, name } = line.payload.batch;
  return { line: number, name, state: 'cancelled', error: { code: 'cancelled', message: 'The batch was cancelled.' } };
}
