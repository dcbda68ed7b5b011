import { Readable } from 'node:stream';
import type { JobEvent } from '../../jobs/queue/job-events.js';

/** Proxies close connections that are silent for a minute. */
const HEARTBEAT_MS = 15_000;

/** One server-sent event (WHATWG HTML, "Server-sent events"). */
export function formatEvent(event: JobEvent, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * The given events as a response body, with a comment now and then to keep the connection. `stop`
 * is aborted when the reader has gone away or the events have ended.
 */
export function eventStream(events: AsyncIterable<string>, stop: AbortController): Readable {
  const stream = Readable.from(events, { encoding: 'utf8' });
  const heartbeat = setInterval(() => {
    if (stream.readableLength === 0) stream.push(': \n\n');
  }, HEARTBEAT_MS);
  stream.once('close', () => {
    clearInterval(heartbeat);
    stop.abort();
  });
  return stream;
}
