import { Readable } from 'node:stream';
import type { JobEvent } from '../../jobs/queue/job-events.js';

/** Proxies close connections that are silent for a minute. */
const HEARTBEAT_MS = 15_000;
/** A comment, which clients skip. */
const HEARTBEAT = ':\n\n';

/** One server-sent event (WHATWG HTML, "Server-sent events"). */
export function formatEvent(event: JobEvent, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
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

/** The given events as a response body; `stop` is aborted when they have ended or the reader has gone away. */
export function eventStream(events: AsyncIterable<string>, stop: AbortController): Readable {
  return Readable.from(events, { encoding: 'utf8' }).once('close', () => stop.abort());
}
