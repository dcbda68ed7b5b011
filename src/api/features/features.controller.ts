import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import {
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Description } from '../../features/feature-set.js';
import { FeatureLibrary } from '../../features/library.js';
import { chooseFrom } from './level-options.js';
import { sendLevels } from './send-levels.js';
import { IMMUTABLE, sendObject } from '../http/send-range.js';

@ApiTags('features')
@ApiParam({ name: 'id', description: 'id of the feature set, 64 hexadecimal digits' })
@ApiNotFoundResponse({ description: 'There is no such feature set' })
@Controller('v1/features')
export class FeaturesController {
  constructor(@Inject(FeatureLibrary) private readonly library: FeatureLibrary) {}

  @Get(':id.zarr.zip')
  @ApiOperation({ summary: 'The archive: a Zarr v3 group in one zip, with byte ranges' })
  @ApiHeader({ name: 'Range', required: false, example: 'bytes=0-1023' })
  @ApiOkResponse({ description: 'The file', content: { 'application/zip': {} } })
  async archive(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const object = await this.library.file(id);
    void reply.header('content-disposition', `attachment; filename="${id}.zarr.zip"`);
    await sendObject(object, request, reply, 'application/zip');
  }

  @Get(':id.zarr/*')
  @ApiOperation({ summary: 'One entry of the archive, with byte ranges: readers of Zarr open it as a remote group' })
  @ApiParam({ name: 'path', description: 'path in the archive', example: 'C4/zarr.json' })
  @ApiHeader({ name: 'Range', required: false, example: 'bytes=0-1023' })
  @ApiOkResponse({ description: 'The entry', content: { 'application/json': {}, 'application/octet-stream': {} } })
  async entry(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const path = (request.params as Record<string, string>)['*'] ?? '';
    const object = await this.library.entry(id, path);
    await sendObject(object, request, reply, path.endsWith('.json') ? 'application/json' : 'application/octet-stream');
  }

  @Get(':id.safetensors')
  @ApiOperation({ summary: 'The levels, or a window of each, as a safetensors stream, band after band' })
  @ApiQuery({
    name: 'levels',
    required: false,
    description: 'comma-separated; all that are held by default',
    example: 'C2,C3',
  })
  @ApiQuery({
    name: 'window',
    required: false,
    description: 'y0,x0,y1,x1 in pixels of the canvas: what is cut out of each level',
    example: '128,0,512,256',
  })
  @ApiQuery({ name: 'order', required: false, enum: ['fine-first', 'coarse-first'] })
  @ApiHeader({ name: 'Accept-Encoding', required: false, example: 'zstd' })
  @ApiOkResponse({ description: 'The stream', content: { 'application/octet-stream': {} } })
  async safetensors(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const archive = await this.library.archive(id);
    void reply.header('cache-control', IMMUTABLE);
    await sendLevels(archive, (held) => chooseFrom(held, query), request, reply);
  }

  @Get(':id')
  @ApiOperation({ summary: 'How a feature set was made, and what it holds' })
  @ApiOkResponse({ description: 'The description' })
  async describe(@Param('id') id: string): Promise<Description & { links: Record<string, string> }> {
    return { ...(await this.library.describe(id)), links: featureLinks(id) };
  }
}

export function featureLinks(id: string): Record<string, string> {
  const self = `/v1/features/${id}`;
  return {
    self,
    safetensors: `${self}.safetensors`,
    archive: `${self}.zarr.zip`,
    zarr: `${self}.zarr`,
    regions: `${self}/roi-align`,
  };
}
