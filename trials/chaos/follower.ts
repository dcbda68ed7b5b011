import { get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const RECONNECT_MS = 300;
const SILENCE_MS = 40_000;

export interface StreamEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** Reads `/v1/stream`, and reconnects as its documentation says, until it is stopped. */
export class Follower {
  private last: string | undefined;
  private response: IncomingMessage | undefined;
  private stopped = false;
  private readonly running: Promise<void>;
  connections = 0;

  /** `query` follows `/v1/stream?`; `take` gets every event but comments. */
  constructor(
    private readonly origin: string,
    private readonly query: string,
    private readonly take: (event: StreamEvent) => void,
    /** Whether to begin after the last event that was read: consumers of a group are told by the group. */
    private readonly resumes: boolean,
  ) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.response?.destroy();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.connect();
      await delay(RECONNECT_MS);
    }
  }

  /** Resolves when the connection has ended. */
  private connect(): Promise<void> {
    const headers = this.resumes && this.last !== undefined ? { 'last-event-id': this.last } : {};
    return new Promise((resolve) => {
      const request = get(`${this.origin}/v1/stream?${this.query}`, { headers, agent: false }, (response) => {
        this.response = response;
        if (response.statusCode !== 200) response.resume();
        else {
          this.connections++;
          this.read(response);
        }
        response.once('close', resolve).on('error', () => undefined);
      });
      request.setTimeout(SILENCE_MS, () => request.destroy());
      request.once('error', () => resolve());
    });
  }

  private read(response: IncomingMessage): void {
    let rest = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block
            .split('\n')
            .filter((line) => line !== '' && !line.startsWith(':'))
            .map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]),
        ) as StreamEvent;
        if (fields.id !== undefined) this.last = fields.id;
        if (fields.event !== undefined) this.take(fields);
      }
    });
  }
}
