import { Agent, get, type IncomingMessage } from 'node:http';
import { until } from './service.js';

export interface ServerEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: unknown;
}

/** A feature set as `GET /v1/stream` announces it. */
export interface AnnouncedSet {
  readonly id: string;
  readonly features: { readonly id: string; readonly href: string };
  readonly model: string;
  readonly job: { readonly id: string; readonly href: string };
  readonly made: boolean;
  readonly delivery?: number;
}

/** One block of a stream of server-sent events; undefined for a comment. */
export function parseEvent(block: string): ServerEvent | undefined {
  const fields = block
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(':'))
    .map((line) => /^(\w+): (.*)$/.exec(line)!.slice(1) as [string, string]);
  if (fields.length === 0) return undefined;
  const { id, event, data } = Object.fromEntries(fields);
  return {
    ...(id !== undefined && { id }),
    ...(event !== undefined && { event }),
    ...(data !== undefined && { data: JSON.parse(data) as unknown }),
  };
}

/** Reads server-sent events from a connection of its own. */
export class EventClient {
  readonly events: ServerEvent[] = [];
  /** Whether the server has ended the answer, or the connection has gone. */
  ended = false;
  private rest = '';

  private constructor(private readonly response: IncomingMessage) {
    response.setEncoding('utf8').on('data', (text: string) => this.take(text));
    response.on('close', () => (this.ended = true)).on('error', () => undefined);
  }

  /** Resolves once the answer has begun; rejects with the body of one that is no stream. */
  static open(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
    return new Promise((resolve, reject) => {
      const request = get(url, { headers, agent: new Agent({ keepAlive: false }) }, (response) => {
        if (response.statusCode === 200) {
          resolve(new EventClient(response));
          return;
        }
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () => reject(new Error(`${response.statusCode ?? 0}: ${body}`)));
      });
      request.on('error', reject);
    });
  }

  /** The sets that were announced so far. */
  get sets(): AnnouncedSet[] {
    return this.named('features').map(({ data }) => data as AnnouncedSet);
  }

  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  named(name: string): ServerEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** Waits until `count` sets have come. */
  async heard(count: number): Promise<AnnouncedSet[]> {
    await until(
      () => this.sets.length >= count,
      110_000,
      () => `${this.sets.length} of ${count} sets`,
    );
    return this.sets;
  }

  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  /** Breaks the connection off. */
  close(): void {
    this.response.destroy();
  }

  private take(text: string): void {
    const blocks = (this.rest + text).split('\n\n');
    this.rest = blocks.pop()!;
    this.events.push(...blocks.flatMap((block) => parseEvent(block) ?? []));
  }
}
