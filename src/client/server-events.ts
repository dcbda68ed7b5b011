import { createParser } from 'eventsource-parser';
import { RequestError } from './request-error.js';

/** An event is a job or an announcement: a few kilobytes. */
const MAX_EVENT_CHARS = 1 << 20;
const END = '\n\n';

/** An event that a server sent. */
export interface ServerEvent {
  readonly name: string;
  /** Parsed. */
  readonly data: unknown;
}

/** What a client keeps between connections. */
export interface Position {
  /** Id of the last event; an id without data, which is a heartbeat, counts too. */
  lastId?: string;
  /** Milliseconds after which the server wants to be asked again. */
  retryMs: number;
}

/** The server-sent events of a response; keeps `position` up to date. */
export async function* serverEvents(
  chunks: AsyncIterable<Uint8Array>,
  position: Position,
): AsyncGenerator<ServerEvent, void, undefined> {
  const found: ServerEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event = 'message', data }) => {
      if (id !== undefined) position.lastId = id;
      found.push({ name: event, data: parse(data) });
    },
    onRetry: (ms) => (position.retryMs = ms),
  });
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    for (let end; (end = text.indexOf(END)) !== -1; text = text.slice(end + END.length)) {
      const block = text.slice(0, end + END.length);
      parser.feed(block);
      // The parser reports events only, and an id alone is none.
      const heartbeat = /^id: ?(.*)\n\n$/.exec(block);
      if (heartbeat) position.lastId = heartbeat[1]!;
      yield* found.splice(0);
    }
    if (text.length > MAX_EVENT_CHARS) throw new RequestError('server-failed', 'An event of the server is too long.');
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new RequestError('server-failed', 'An event of the server is not JSON.', { transient: false }, { cause });
  }
}
