import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Announcements } from '../../announcements/announcements.js';
import type { GroupStatus } from '../../announcements/list-groups.js';
import { jsonBody } from '../http/zod-pipe.js';
import { body, json, Operation } from '../openapi/operation.js';
import { acknowledgeSchema, extendSchema, parseGroupName } from './stream-options.js';

const PARAMS = { group: { description: 'Name of the group.' } };
const NOT_FOUND = { 404: 'There is no such group.' };

const groupSchema = z
  .object({
    name: z.string(),
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

@Controller('v1/stream/groups')
export class GroupsController {
  constructor(private readonly announcements: Announcements) {}

  @Get()
  @Operation({
    id: 'listConsumerGroups',
    summary: 'The consumer groups, with what they have not acknowledged and not read',
    answers: { 200: json('All groups, by name.', groupListSchema) },
  })
  async list(): Promise<{ groups: GroupStatus[] }> {
    return { groups: await this.announcements.listGroups() };
  }

  @Delete(':group')
  @HttpCode(204)
  @Operation({
    id: 'deleteConsumerGroup',
    summary: 'Delete a group; its consumers receive the event `end`',
    params: PARAMS,
    answers: { 204: { description: 'The group is deleted.' } },
    refusals: NOT_FOUND,
  })
  async remove(@Param('group') group: string): Promise<void> {
    await this.announcements.groups.remove(parseGroupName(group));
  }

  @Post(':group/ack')
  @HttpCode(200)
  @Operation({
    id: 'acknowledgeFeatures',
    summary: 'Acknowledge feature sets, which are not delivered again',
    params: PARAMS,
    body: body('application/json', acknowledgeSchema),
    answers: { 200: json('They are acknowledged.', acknowledgedSchema) },
    refusals: NOT_FOUND,
  })
  async acknowledge(
    @Param('group') group: string,
    @Body(jsonBody(acknowledgeSchema, '{"ids": ["…"]}')) { ids }: z.output<typeof acknowledgeSchema>,
  ): Promise<z.infer<typeof acknowledgedSchema>> {
    return { acknowledged: await this.announcements.groups.acknowledge(parseGroupName(group), ids) };
  }

  @Post(':group/extend')
  @HttpCode(200)
  @Operation({
    id: 'extendDelivery',
    summary: 'Restart the time after which feature sets are delivered again',
    params: PARAMS,
    body: body('application/json', extendSchema),
    answers: { 200: json('The time begins anew.', extendedSchema) },
    refusals: NOT_FOUND,
  })
  async extend(
    @Param('group') group: string,
    @Body(jsonBody(extendSchema, '{"consumer": "…", "ids": ["…"]}')) { consumer, ids }: z.output<typeof extendSchema>,
  ): Promise<z.infer<typeof extendedSchema>> {
    return { extended: await this.announcements.groups.extend(parseGroupName(group), consumer, ids) };
  }
}
