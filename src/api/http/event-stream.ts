import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';

/** A comment, which clients skip. */
export const HEARTBEAT = ':\n\n';
/** A client that reads nothing is disconnected when its events ended this long ago. */
const LINGER_MS = 1000;

/** One server-sent event (WHATWG HTML, "Server-sent events"). */
export function formatEvent(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What `promise` resolves with; undefined when it takes longer than `ms`. */
export async function settledWithin<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

/** Answers with the given events. Aborting `stop` ends the answer, also for a client that no longer reads. */
export async function sendEvents(reply: FastifyReply, events: AsyncIterable<string>, stop: AbortSignal): Promise<void> {
  const disconnect = () => setTimeout(() => reply.raw.destroy(), LINGER_MS).unref();
  stop.addEventListener('abort', disconnect, { once: true });
  await reply
    .headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    .send(Readable.from(events, { encoding: 'utf8' }));
}

/** Answers with a stream that lasts as long as its batch runs. */
export async function streamReply(reply: FastifyReply, type: string, body: Readable): Promise<void> {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  const sent = reply.headers(headers).send(body);
  // The first bytes may take long; the headers show the client at once that the response has begun.
  setImmediate(() => {
    if (!reply.raw.headersSent && reply.raw.hasHeader('content-type')) reply.raw.flushHeaders();
  });
  await sent;
}
