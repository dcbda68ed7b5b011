import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Module,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Announcements } from '../../announcements/announcements.js';
import type { GroupStatus } from '../../announcements/list-groups.js';
import { Audit } from '../auth/audit.js';
import { CalledBy } from '../auth/key-guard.js';
import { Scope } from '../auth/scope.js';
import { viewOf, type Caller } from '../../keys/api-key.js';
import { foreignOrigin } from '../http/browser-guard.js';
import { ClientGone } from '../http/client-gone.js';
import { sendEvents } from '../http/event-stream.js';
import type { HttpLimits } from '../http/limits.js';
import { jsonBody } from '../http/zod-pipe.js';
import { body, json, Operation, textStream } from '../openapi/operation.js';
import { HTTP_LIMITS } from '../tokens.js';
import { consumeEvent, followEvent, STREAM_EVENTS } from './stream-events.js';
import {
  acknowledgeSchema,
  extendSchema,
  parseGroupName,
  parseStreamRequest,
  splitGroupName,
  streamQuerySchema,
} from './stream-options.js';

/** Operations on one group. */
const GROUP = {
  params: { group: { description: 'Name of the group; for a key of scope admin also `owner/group`, as one part.' } },
  refusals: { 404: 'There is no such group.' },
};

const groupSchema = z
  .object({
    name: z.string(),
    owner: z.string().optional().meta({ description: 'Name of the key that it belongs to.' }),
    filter: z.object({ models: z.array(z.string()), batches: z.array(z.string()) }),
    createdAt: z.iso.datetime(),
    pending: z.int().meta({ description: 'Sets that are delivered and not acknowledged.' }),
    lag: z.int().nullable().meta({ description: 'Announcements that the group has not read; null: not known.' }),
    position: z.string().meta({ description: 'The group has read up to here.' }),
    consumers: z.array(z.object({ name: z.string(), pending: z.int(), connected: z.boolean() })),
  })
  .meta({ id: 'ConsumerGroup', description: 'Consumers that share feature sets among them.' });
const groupListSchema = z.object({ groups: z.array(groupSchema) }).meta({ id: 'ConsumerGroupList' });
const acknowledgedSchema = z
  .object({ acknowledged: z.int().meta({ description: 'How many were not acknowledged before.' }) })
  .meta({ id: 'Acknowledged' });
const extendedSchema = z
  .object({ extended: z.array(z.string()).meta({ description: 'Those that the consumer still holds.' }) })
  .meta({ id: 'Extended' });

@Controller('v1/stream')
export class StreamController {
  constructor(
    private readonly announcements: Announcements,
    private readonly audit: Audit,
    @Inject(HTTP_LIMITS) private readonly limits: HttpLimits,
  ) {}

  @Get()
  @Scope('read')
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
    @Req() asked: FastifyRequest,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    const request = parseStreamRequest(query, lastEventId);
    const { caller } = asked;
    const only = viewOf(caller);
    // A consumer creates its group and takes sets from it.
    const foreign = request.kind === 'consume' ? foreignOrigin(asked, this.limits.corsOrigins) : undefined;
    if (foreign) throw foreign;
    // Aborted when the client goes away, and when the announcements are closed.
    const stop = new AbortController();
    if (gone.aborted) stop.abort();
    else gone.addEventListener('abort', () => stop.abort(), { once: true });
    const events =
      request.kind === 'follow'
        ? formatted(this.announcements.follow({ ...request.options, only }, stop), followEvent)
        : formatted(
            this.announcements.consume(
              { group: parseGroupName(request.group, caller), consumer: request.consumer },
              { ...request.options, only },
              stop,
            ),
            consumeEvent,
          );
    // An error before the first event can still be answered with its status.
    const first = await events.next();
    await sendEvents(reply, resumed(first, events), stop.signal);
  }

  @Get('groups')
  @Scope('read')
  @Operation({
    id: 'listConsumerGroups',
    summary: 'The consumer groups, with what they have not acknowledged and not read',
    answers: { 200: json('All groups, by name.', groupListSchema) },
  })
  async list(@CalledBy() caller: Caller | undefined): Promise<{ groups: GroupStatus[] }> {
    const groups = await this.announcements.listGroups();
    const named = groups.map((group) => ({ ...group, ...splitGroupName(group.name) }));
    const only = viewOf(caller);
    return { groups: only === undefined ? named : named.filter(({ owner }) => owner === only) };
  }

  @Delete('groups/:group')
  @HttpCode(204)
  @Scope('read')
  @Operation({
    id: 'deleteConsumerGroup',
    summary: 'Delete a group; its consumers receive the event `end`',
    ...GROUP,
    answers: { 204: { description: 'The group is deleted.' } },
  })
  async remove(@Param('group') group: string, @Req() request: FastifyRequest): Promise<void> {
    await this.announcements.groups.remove(parseGroupName(group, request.caller));
    this.audit.changed(request, `group ${group} deleted`);
  }

  @Post('groups/:group/ack')
  @HttpCode(200)
  @Scope('read')
  @Operation({
    id: 'acknowledgeFeatures',
    summary: 'Acknowledge feature sets, which are not delivered again',
    ...GROUP,
    body: body('application/json', acknowledgeSchema),
    answers: { 200: json('The number of sets acknowledged.', acknowledgedSchema) },
  })
  async acknowledge(
    @Param('group') group: string,
    @Body(jsonBody(acknowledgeSchema, '{"ids": ["…"]}')) { ids }: z.output<typeof acknowledgeSchema>,
    @CalledBy() caller: Caller | undefined,
  ): Promise<z.infer<typeof acknowledgedSchema>> {
    return { acknowledged: await this.announcements.groups.acknowledge(parseGroupName(group, caller), ids) };
  }

  @Post('groups/:group/extend')
  @HttpCode(200)
  @Scope('read')
  @Operation({
    id: 'extendDelivery',
    summary: 'Restart the time after which feature sets are delivered again',
    ...GROUP,
    body: body('application/json', extendSchema),
    answers: { 200: json('The time limit is restarted.', extendedSchema) },
  })
  async extend(
    @Param('group') group: string,
    @Body(jsonBody(extendSchema, '{"consumer": "…", "ids": ["…"]}')) { consumer, ids }: z.output<typeof extendSchema>,
    @CalledBy() caller: Caller | undefined,
  ): Promise<z.infer<typeof extendedSchema>> {
    return { extended: await this.announcements.groups.extend(parseGroupName(group, caller), consumer, ids) };
  }
}

@Module({ controllers: [StreamController] })
export class StreamModule {}

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
