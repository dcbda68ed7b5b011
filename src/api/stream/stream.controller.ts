import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Announcements } from '../../announcements/announcements.js';
import { ClientGone } from '../http/client-gone.js';
import { sendEvents } from '../http/event-stream.js';
import { Operation, textStream } from '../openapi/operation.js';
import { consumeEvent, followEvent, STREAM_EVENTS } from './stream-events.js';
import { parseStreamRequest, streamQuerySchema } from './stream-options.js';

@ApiTags('stream')
@Controller('v1/stream')
export class StreamController {
  constructor(private readonly announcements: Announcements) {}

  @Get()
  @Operation({
    id: 'streamFeatures',
    summary: 'Finished feature sets as server-sent events',
    description: 'Every subscriber receives every feature set; with `group` and `consumer` one of the group does.',
    query: streamQuerySchema,
    headers: { 'Last-Event-ID': { description: 'Subscribers: the id of the last event, to resume after it.' } },
    answers: {
      200: {
        description: 'Events `ready`, `features` and `gap`; for consumers also `lost` and `end`.',
        content: textStream('text/event-stream', 'Server-sent events.', STREAM_EVENTS),
      },
    },
    refusals: { 409: 'The group was created with another filter.' },
  })
  async stream(
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    const request = parseStreamRequest(query, lastEventId);
    // Aborted when the client goes away, and when the announcements are closed.
    const stop = new AbortController();
    if (gone.aborted) stop.abort();
    else gone.addEventListener('abort', () => stop.abort(), { once: true });
    const events =
      request.kind === 'follow'
        ? formatted(this.announcements.follow(request.options, stop), followEvent)
        : formatted(this.announcements.consume(request, request.options, stop), consumeEvent);
    // An error before the first event can still be answered with its status.
    const first = await events.next();
    await sendEvents(reply, resumed(first, events), stop.signal);
  }
}

async function* formatted<T>(items: AsyncIterable<T>, format: (item: T) => string): AsyncGenerator<string> {
  for await (const item of items) yield format(item);
}

async function* resumed(first: IteratorResult<string, unknown>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    // If the client left before the second event, `rest` has not been iterated and must be closed here.
    await rest.return(undefined);
  }
}
