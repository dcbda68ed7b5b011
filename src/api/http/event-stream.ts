import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { HEARTBEAT_MS } from '../../redis/heartbeat.js';

/** A comment, which clients skip. */
const HEARTBEAT = ':\n\n';

/** One server-sent event (WHATWG HTML, "Server-sent events"). */
export function formatEvent(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Yields a heartbeat now and then until `change` has settled. */
export async function* heartbeatUntil(change: Promise<unknown>): AsyncGenerator<string> {
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<'silence'>((resolve) => (timer = setTimeout(resolve, HEARTBEAT_MS, 'silence')));
    const first = await Promise.race([change, silence]).finally(() => clearTimeout(timer));
    if (first !== 'silence') return;
    yield HEARTBEAT;
  }
}

/** A reader that takes nothing at all is given up when its events have been ended for this long. */
const LINGER_MS = 1000;

/**
 * Answers with the given events; `stop` is aborted when they have ended or the reader has gone away. Where it is
 * aborted otherwise the answer ends, also for a reader that takes nothing any more.
 */
export async function sendEvents(
  reply: FastifyReply,
  events: AsyncIterable<string>,
  stop: AbortController,
): Promise<void> {
  // The stream cannot tell: it is destroyed only after its source has come to the next event.
  if (reply.raw.closed) stop.abort();
  else reply.raw.once('close', () => stop.abort());
  const giveUp = () => setTimeout(() => reply.raw.destroy(), LINGER_MS).unref();
  stop.signal.addEventListener('abort', giveUp, { once: true });
  await reply
    .headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    .send(Readable.from(events, { encoding: 'utf8' }));
}
