import { Controller, Get, Headers, Inject, Query, Res } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Announcements } from '../../announcements/announcements.js';
import { sendEvents } from '../http/event-stream.js';
import { consumeEvent, followEvent } from './stream-events.js';
import { MAX_PREFETCH, parseStreamRequest } from './stream-options.js';

@ApiTags('stream')
@Controller('v1/stream')
export class StreamController {
  constructor(@Inject(Announcements) private readonly announcements: Announcements) {}

  @Get()
  @ApiOperation({ summary: 'Finished feature sets as server-sent events, to each subscriber or to one of a group' })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'where to resume' })
  @ApiQuery({ name: 'after', required: false, description: 'as Last-Event-ID; 0: from the oldest that is held' })
  @ApiQuery({ name: 'model', required: false, description: 'any of these', isArray: true, type: String })
  @ApiQuery({ name: 'batch', required: false, description: 'any of these', isArray: true, type: String })
  @ApiQuery({ name: 'group', required: false, description: 'each set goes to one consumer of the group' })
  @ApiQuery({ name: 'consumer', required: false, description: 'the name of this consumer in its group' })
  @ApiQuery({ name: 'prefetch', required: false, schema: { type: 'integer', minimum: 1, maximum: MAX_PREFETCH } })
  @ApiQuery({ name: 'redeliverAfterMs', required: false, schema: { type: 'integer', default: 60_000 } })
  @ApiQuery({ name: 'from', required: false, description: 'where a new group begins: an id, or 0; now by default' })
  @ApiOkResponse({
    description: 'Events "ready", "features", "gap"; for consumers also "lost" and "end"',
    content: { 'text/event-stream': {} },
  })
  @ApiConflictResponse({ description: 'The group was made with another filter' })
  @ApiResponse({ status: '4XX', description: 'problem+json with a stable code' })
  async stream(
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = parseStreamRequest(query, lastEventId);
    const stop = new AbortController();
    const events =
      asked.kind === 'follow'
        ? formatted(this.announcements.follow(asked.options, stop), followEvent)
        : formatted(this.announcements.consume(asked, asked.options, stop), consumeEvent);
    // Whatever is wrong shows before the first event: afterwards there is no other answer.
    const first = await events.next();
    await sendEvents(reply, resumed(first, events), stop);
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
    // A reader that left before the second event has not begun with the rest.
    await rest.return(undefined);
  }
}
