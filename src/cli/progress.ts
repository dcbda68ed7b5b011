import cliProgress from 'cli-progress';
import { printable } from '../printable.js';

/** Without a terminal, a line is written this often, in milliseconds. */
const LINE_INTERVAL_MS = 10_000;

export interface ProgressOptions {
  /** False where lines on stdout would break up a bar. */
  readonly bar?: boolean;
  /** When the first line is due without a terminal, in milliseconds. */
  readonly firstLineMs?: number;
}

export interface Step {
  readonly value: number;
  /** Undefined if unknown: then there is no bar. */
  readonly total: number | undefined;
  /** Shown beside the bar, or on a line of its own. */
  readonly text: string;
  /** Let the bar estimate the time left from its own pace. */
  readonly eta?: boolean;
}

/** Progress on stderr: a bar on a terminal, otherwise a line every few seconds. */
export class Progress {
  /** Whether a terminal shows a bar, so that other lines can be spared. */
  readonly drawsBar: boolean;
  private bar: cliProgress.SingleBar | undefined;
  private nextLine: number;

  constructor({ bar = true, firstLineMs = LINE_INTERVAL_MS }: ProgressOptions = {}) {
    this.drawsBar = bar && process.stderr.isTTY;
    this.nextLine = performance.now() + firstLineMs;
  }

  show({ value, total, text, eta = false }: Step): void {
    if (this.drawsBar && total !== undefined) this.draw(value, total, text, eta);
    else if (performance.now() >= this.nextLine) {
      this.nextLine = performance.now() + LINE_INTERVAL_MS;
      this.say(text);
    }
  }

  /** Prints a line for people without breaking up the bar. */
  say(text: string): void {
    console.error(`${this.bar ? '\r' : ''}cairn: ${printable(text)}`);
  }

  /** Ends the bar; the next step begins another one. May be called twice. */
  end(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  private draw(value: number, total: number, text: string, eta: boolean): void {
    if (!this.bar) {
      const format = `{bar} {text}${eta ? ', {eta_formatted} left' : ''}`;
      this.bar = new cliProgress.SingleBar(
        { format, stream: process.stderr, hideCursor: true },
        cliProgress.Presets.shades_classic,
      );
      this.bar.start(total, value, { text });
    }
    this.bar.update(value, { text });
  }
}
