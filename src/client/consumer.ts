import type { CallOptions, Connection } from './connection.js';
import { Mailbox } from './mailbox.js';
import type { Announcement } from './resources.js';
import { joined, pause } from './retry-policy.js';
import { serverEvents, type Position } from './server-events.js';

/** Between connections, unless the server says otherwise. */
export const RECONNECT_MS = 2000;
const REDELIVER_AFTER_MS = 60_000;
/** Extensions within the time after which a set goes to another consumer: two may fail. */
const EXTENSIONS = 3;

/** A member of a consumer group: docs/streaming.md has the rules. */
export interface ConsumeOptions extends CallOptions {
  /** Name of the group, which the first consumer makes. */
  readonly group: string;
  /** Name of this consumer: one of its own, and the same one each time it starts. */
  readonly consumer: string;
  /** Only feature sets of these models. */
  readonly model?: readonly string[];
  /** Only feature sets of these batches. */
  readonly batch?: readonly string[];
  /** Most sets that are delivered and not acknowledged; 1 by default. */
  readonly prefetch?: number;
  /** A set that is neither acknowledged nor extended for this long goes to another consumer; 60,000 by default. */
  readonly redeliverAfterMs?: number;
  /** Where a new group begins: an id, or 0 for the oldest announcement. Default: from now on. */
  readonly from?: string;
  /** Called when announcements were trimmed before the group saw them (`gap`), or sets that this consumer held (`lost`). */
  readonly onMissed?: (event: 'gap' | 'lost', data: unknown) => void;
}

/** A feature set that is delivered to this consumer. It stays with it, extended in the background, until it is settled. */
export interface Delivery {
  /** The set; `delivery` counts how often it was delivered. */
  readonly announcement: Announcement;
  /** The set is done: it is not delivered again. */
  acknowledge(): Promise<void>;
  /** The set is given up: after its time it goes to another consumer. */
  release(): void;
}

/** One consumer while it consumes. */
export class Consumer {
  /** Ids of sets that were delivered and are not settled. */
  private readonly held = new Set<string>();
  private readonly inbox = new Mailbox<Announcement>();
  private readonly stop = new AbortController();
  private readonly call: { readonly signal: AbortSignal };

  constructor(
    private readonly connection: Connection,
    private readonly options: ConsumeOptions,
  ) {
    this.call = { signal: joined(this.stop.signal, options.signal)! };
  }

  async *deliveries(): AsyncGenerator<Delivery, void, undefined> {
    const tasks = [this.receive(), this.extend()];
    try {
      for await (const announcement of this.inbox.receive()) yield this.delivery(announcement);
    } finally {
      this.stop.abort();
      await Promise.all(tasks);
    }
  }

  private delivery(announcement: Announcement): Delivery {
    const { id } = announcement;
    return {
      announcement,
      acknowledge: async () => {
        // Not the consumer's own signal: what is done is acknowledged, also while the loop is being left.
        const { signal } = this.options;
        await this.connection.json(this.path('ack'), { signal, json: { ids: [id] } });
        this.held.delete(id);
      },
      release: () => void this.held.delete(id),
    };
  }

  /** Reads ahead of the receiver, so that sets which wait for it are extended too. At most `prefetch` are there. */
  private async receive(): Promise<void> {
    const { policy } = this.connection;
    const position: Position = { retryMs: RECONNECT_MS };
    try {
      for (let attempt = 0; ;) {
        try {
          for await (const { name, data } of await this.connect(position)) {
            policy.reset();
            attempt = 0;
            if (name === 'end') {
              this.inbox.end();
              return;
            }
            this.take(name, data);
          }
          await policy.pause(position.retryMs, this.call.signal);
        } catch (error) {
          await policy.backoff(error, attempt++, this.call.signal);
        }
      }
    } catch (error) {
      this.inbox.fail(error);
    }
  }

  private async connect(position: Position) {
    const { group, consumer, model, batch, prefetch, redeliverAfterMs, from } = this.options;
    const query = { group, consumer, model, batch, prefetch, redeliverAfterMs, from };
    const response = await this.connection.once('/v1/stream', { ...this.call, query });
    return serverEvents(this.connection.bytes(response, this.call), position);
  }

  private take(name: string, data: unknown): void {
    if (name === 'gap' || name === 'lost') this.options.onMissed?.(name, data);
    if (name !== 'features') return;
    const announcement = data as Announcement;
    // A new connection is sent again what the consumer holds: what is being worked on is not started twice.
    if (this.held.has(announcement.id)) return;
    this.held.add(announcement.id);
    this.inbox.send(announcement);
  }

  private async extend(): Promise<void> {
    const { consumer, redeliverAfterMs = REDELIVER_AFTER_MS } = this.options;
    for (;;) {
      try {
        await pause(redeliverAfterMs / EXTENSIONS, this.call.signal);
        const ids = [...this.held];
        if (ids.length === 0) continue;
        const request = { ...this.call, json: { consumer, ids } };
        const { extended } = await (this.connection
          .once(this.path('extend'), request)
          .then((response) => response.json()) as Promise<{ extended: string[] }>);
        // The others have gone to another consumer, or are acknowledged meanwhile.
        for (const id of ids) if (!extended.includes(id)) this.held.delete(id);
      } catch {
        // A server that is away is noticed by the stream; the next extension may succeed.
        if (this.call.signal.aborted) return;
      }
    }
  }

  private path(action: string): string {
    return `/v1/stream/groups/${encodeURIComponent(this.options.group)}/${action}`;
  }
}
