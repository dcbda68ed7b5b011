import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import {
  ApiBody,
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Announcements } from '../../announcements/announcements.js';
import type { GroupStatus } from '../../announcements/list-groups.js';
import { parseAcknowledge, parseExtend, parseGroupName } from './stream-options.js';

const IDS = { type: 'array', items: { type: 'string' }, example: ['1732187412345-0'] } as const;

@ApiTags('stream')
@Controller('v1/stream/groups')
export class GroupsController {
  constructor(@Inject(Announcements) private readonly announcements: Announcements) {}

  @Get()
  @ApiOperation({ summary: 'The consumer groups, with what they have not acknowledged and not looked at' })
  @ApiOkResponse({ description: 'The groups' })
  async list(): Promise<{ groups: GroupStatus[] }> {
    return { groups: await this.announcements.listGroups() };
  }

  @Delete(':group')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a group; its consumers are told' })
  @ApiParam({ name: 'group' })
  @ApiNoContentResponse({ description: 'It is gone' })
  @ApiNotFoundResponse({ description: 'There is no such group' })
  async remove(@Param('group') group: string): Promise<void> {
    await this.announcements.groups.remove(parseGroupName(group));
  }

  @Post(':group/ack')
  @HttpCode(200)
  @ApiOperation({ summary: 'Acknowledge sets: they are not delivered again' })
  @ApiParam({ name: 'group' })
  @ApiBody({ schema: { type: 'object', required: ['ids'], properties: { ids: IDS } } })
  @ApiOkResponse({ description: 'How many were unacknowledged until now' })
  @ApiNotFoundResponse({ description: 'There is no such group' })
  async acknowledge(@Param('group') group: string, @Body() body: unknown): Promise<{ acknowledged: number }> {
    return { acknowledged: await this.announcements.groups.acknowledge(parseGroupName(group), parseAcknowledge(body)) };
  }

  @Post(':group/extend')
  @HttpCode(200)
  @ApiOperation({ summary: 'Work that takes longer: the time until sets are delivered again begins anew' })
  @ApiParam({ name: 'group' })
  @ApiBody({
    schema: { type: 'object', required: ['consumer', 'ids'], properties: { consumer: { type: 'string' }, ids: IDS } },
  })
  @ApiOkResponse({ description: 'Those that the consumer still holds' })
  @ApiNotFoundResponse({ description: 'There is no such group' })
  async extend(@Param('group') group: string, @Body() body: unknown): Promise<{ extended: string[] }> {
    const { consumer, ids } = parseExtend(body);
    return { extended: await this.announcements.groups.extend(parseGroupName(group), consumer, ids) };
  }
}
