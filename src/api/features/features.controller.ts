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
import { FeatureLibrary } from './feature-library.js';
import { IMMUTABLE, sendHead, sendObject } from './send-range.js';

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

  @Get(':id.safetensors')
  @ApiOperation({ summary: 'The levels as a safetensors stream, band after band' })
  @ApiQuery({
    name: 'levels',
    required: false,
    description: 'comma-separated; all that are held by default',
    example: 'C2,C3',
  })
  @ApiOkResponse({ description: 'The stream', content: { 'application/octet-stream': {} } })
  async safetensors(
    @Param('id') id: string,
    @Query('levels') levels: string | string[] | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const archive = await this.library.archive(id);
    try {
      const { length, stream } = archive.safetensors(
        archive.select(levels === undefined ? undefined : String(levels).split(',')),
      );
      void reply.headers({
        'content-type': 'application/octet-stream',
        'content-length': length,
        'cache-control': IMMUTABLE,
      });
      if (request.method === 'HEAD') {
        stream.destroy();
        sendHead(reply);
        return;
      }
      await reply.send(stream);
    } catch (error) {
      await archive.close();
      throw error;
    }
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
  return { self, safetensors: `${self}.safetensors`, archive: `${self}.zarr.zip` };
}
