import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../bench/statistics.js';
import { ask, type Answer } from './ask.js';
import { Counts } from './counts.js';

/** An answer that is not there yet when the asking stops counts as missing after this. */
const GIVEN_UP_AFTER_MS = 3000;

/** Asks the same thing again and again, and notes how long each answer takes and what it is. */
export class Latency {
  private times: number[] = [];
  readonly statuses = new Counts();
  private readonly over = new AbortController();
  private readonly running: Promise<void>;

  constructor(everyMs: number, question: (number: number, signal: AbortSignal) => Promise<Answer | undefined>) {
    this.running = this.run(everyMs, question);
  }

  /** Of `/livez`. */
  static ofLivez(origin: () => string, everyMs = 100): Latency {
    return new Latency(everyMs, (_, signal) => ask(origin(), '/livez', { timeoutMs: 30_000, signal }));
  }

  /** Milliseconds that this share of the answers took at most; NaN where there was none. */
  ms(share: number): number {
    return this.times.length === 0 ? NaN : quantile(this.times, share);
  }

  get count(): number {
    return this.times.length;
  }

  /** Forgets what was measured so far. */
  reset(): void {
    this.times = [];
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
  }

  private isOver(): boolean {
    return this.over.signal.aborted;
  }

  private async run(
    everyMs: number,
    question: (number: number, signal: AbortSignal) => Promise<Answer | undefined>,
  ): Promise<void> {
    const { signal } = this.over;
    for (let number = 0; !this.isOver(); number++) {
      const begun = performance.now();
      const answer = await question(number, signal);
      const took = performance.now() - begun;
      if (this.isOver() && took < GIVEN_UP_AFTER_MS) return;
      this.times.push(took);
      this.statuses.add(answer ? String(answer.status) : 'none');
      await delay(Math.max(0, everyMs - took), undefined, { signal }).catch(() => undefined);
    }
  }
}
