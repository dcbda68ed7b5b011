import type { CallOptions, Connection } from './connection.js';
import { Consumer, RECONNECT_MS, type ConsumeOptions, type Delivery } from './consumer.js';
import type { Announcement, ConsumerGroup } from './resources.js';
import { serverEvents, type Position } from './server-events.js';

/** Which announcements a subscriber receives. */
export interface SubscribeOptions extends CallOptions {
  /** Only feature sets of these models. */
  readonly model?: readonly string[];
  /** Only feature sets of these batches. */
  readonly batch?: readonly string[];
  /** Begin after the announcement with this id; 0: with the oldest that is kept. Default: from now on. */
  readonly after?: string;
  /** Called where announcements up to this id are no longer kept. */
  readonly onGap?: (missedUntil: string) => void;
}

/** Finished feature sets, as they are announced: docs/streaming.md. */
export class Announcements {
  constructor(private readonly connection: Connection) {}

  /** Every feature set that is finished from now on, across reconnections, each once. Ends with the signal, by its reason. */
  async *subscribe(options: SubscribeOptions = {}): AsyncGenerator<Announcement, void, undefined> {
    const { model, batch, after, onGap, ...call } = options;
    const { policy } = this.connection;
    const position: Position = { retryMs: RECONNECT_MS, ...(after !== undefined && { lastId: after }) };
    for (let attempt = 0; ;) {
      try {
        const query = { model, batch, after: position.lastId };
        const response = await this.connection.once('/v1/stream', { ...call, query });
        for await (const { name, data } of serverEvents(this.connection.bytes(response, call), position)) {
          policy.reset();
          attempt = 0;
          if (name === 'features') yield data as Announcement;
          if (name === 'gap') onGap?.((data as { missedUntil: string }).missedUntil);
        }
        await policy.pause(position.retryMs, call.signal);
      } catch (error) {
        await policy.backoff(error, attempt++, call.signal);
      }
    }
  }

  /**
   * The feature sets of one consumer of a group, each delivered to one consumer of it and again until it is acknowledged.
   * They are extended while they wait and while they are worked on. Ends when the group is deleted, or when another
   * connection takes the consumer's name.
   */
  consume(options: ConsumeOptions): AsyncGenerator<Delivery, void, undefined> {
    return new Consumer(this.connection, options).deliveries();
  }

  /** All consumer groups. */
  async groups(call: CallOptions = {}): Promise<ConsumerGroup[]> {
    return (await this.connection.json<{ groups: ConsumerGroup[] }>('/v1/stream/groups', call)).groups;
  }

  /** Deletes a group; its consumers end. @throws RequestError `group-not-found`. */
  async deleteGroup(group: string, call: CallOptions = {}): Promise<void> {
    const path = `/v1/stream/groups/${encodeURIComponent(group)}`;
    const response = await this.connection.request(path, { ...call, method: 'DELETE' });
    await response.body?.cancel();
  }
}
