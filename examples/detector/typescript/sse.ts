import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, type Server } from './server.js';

const PAUSE_MS = 2000;
/** A set that its consumer has not acknowledged for this long goes to another. A large one takes a CPU a minute. */
const REDELIVER_AFTER_MS = 300_000;

/** A finished feature set; see docs/streaming.md. */
export interface Announcement {
  readonly id: string;
  readonly features: { readonly id: string };
  readonly delivery: number;
  readonly job?: unknown;
  readonly batch?: unknown;
}

export interface SubscriptionOptions {
  readonly group: string;
  /** Every detector needs a name of its own, and the same one each time it starts. */
  readonly consumer: string;
  readonly model?: string | undefined;
}

/**
 * Calls `work` for each feature set that is announced to this consumer and acknowledges it afterwards, until `work`
 * returns false. A set whose work failed is redelivered, after a reconnection.
 *
 * @throws Refused when the server refuses the subscription.
 */
export async function subscribe(
  server: Server,
  { group, consumer, model }: SubscriptionOptions,
  work: (announcement: Announcement) => Promise<boolean>,
): Promise<void> {
  const options = { group, consumer, redeliverAfterMs: String(REDELIVER_AFTER_MS), ...(model && { model }) };
  const query = new URLSearchParams(options).toString();
  for (;;) {
    try {
      for await (const { name, data } of events(await server.stream(`/v1/stream?${query}`))) {
        if (name === 'ready') console.error(`listening as a member of ${group}`);
        else if (name !== 'features') console.error(`${name}: ${data}`);
        else {
          const announcement = JSON.parse(data) as Announcement;
          const goOn = await work(announcement);
          await server.open(`/v1/stream/groups/${group}/ack`, { ids: [announcement.id] });
          if (!goOn) return;
        }
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      console.error('connecting again:', error);
    }
    await sleep(PAUSE_MS);
  }
}

interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** The events of a stream; an id without data is a heartbeat, not an event. */
async function* events(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of stream) {
    const blocks = (text + decoder.decode(bytes, { stream: true })).split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/, 2) as [string, string]));
      const data = fields.get('data');
      if (data !== undefined) yield { name: fields.get('event') ?? 'message', data };
    }
  }
}
