import cliProgress from 'cli-progress';
import type { Batch } from './batch-schema.js';

/** Where no bar can be drawn, a line is written this often, in milliseconds. */
const LINE_INTERVAL_MS = 10_000;

const UPLOADING = '{bar} {value}/{total} images on the server, {uploaded} uploaded';
/** The time left is the server's; what the bar would call `eta` is its own guess. */
const FOLLOWING = '{bar} {value}/{total} images, {rate}, {remaining} left, {failed} failed';

/** A bar on a terminal, else a line on stderr now and then. */
export class Progress {
  private bar: cliProgress.SingleBar | undefined;
  private format = '';
  private lastLine = performance.now();
  private checked = 0;
  private uploaded = 0;

  /** @param withBar false where lines on stdout would tear a bar. */
  constructor(private readonly withBar: boolean) {}

  /** An image is on the server, of `total`. */
  ready(uploaded: boolean, total: number): void {
    this.checked++;
    if (uploaded) this.uploaded++;
    if (this.withBar && process.stderr.isTTY) {
      this.draw(UPLOADING, this.checked, total, { uploaded: this.uploaded });
    } else {
      this.write(() => `${this.checked} of ${total} images on the server, ${this.uploaded} uploaded`);
    }
  }

  /** The server has told how far the batch is. */
  show({ total, counts, rate, etaSeconds }: Batch): void {
    const { completed, failed, cancelled } = counts;
    const done = completed + failed + cancelled;
    const words = { rate: `${rate?.toFixed(2) ?? '–'}/s`, remaining: duration(etaSeconds), failed };
    if (this.withBar && process.stderr.isTTY) {
      this.draw(FOLLOWING, done, total, words);
    } else {
      this.write(() => `${done} of ${total} images, ${words.rate}, ${words.remaining} left, ${failed} failed`);
    }
  }

  /** A sentence for a person, which the bar does not tear. */
  say(text: string): void {
    console.error(this.bar ? `\rcairn: ${text}` : `cairn: ${text}`);
  }

  /** May be called twice. */
  end(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private draw(format: string, value: number, total: number, words: object): void {
    if (!this.bar || this.format !== format) {
      this.end();
      this.format = format;
      this.bar = new cliProgress.SingleBar(
        { format, stream: process.stderr, hideCursor: true },
        cliProgress.Presets.shades_classic,
      );
      this.bar.start(total, value, words);
    }
    this.bar.update(value, words);
  }

  private write(text: () => string): void {
    const now = performance.now();
    if (now - this.lastLine < LINE_INTERVAL_MS) return;
    this.lastLine = now;
    console.error(`cairn: ${text()}`);
  }
}

/** Seconds as a person reads them: `4 s`, `3 min 20 s`, `5 h 12 min`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === undefined || seconds === null) return '–';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
