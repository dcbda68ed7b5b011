import { Controller, Inject, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { BandBudget } from '../../features/roi-align/band-budget.js';
import { BOX_FORMATS, COORDINATES, placeBoxes, ROI_METHODS } from '../../features/roi-align/boxes.js';
import { poolableLevels } from '../../features/roi-align/levels.js';
import { streamRegions } from '../../features/roi-align/stream-regions.js';
import { FeatureLibrary } from '../../features/library.js';
import { MAX_BOXES, MAX_SAMPLING_RATIO, parseRegionRequest } from './region-request.js';

const BOX = { type: 'array', items: { type: 'number' }, minItems: 4, maxItems: 4 } as const;

@ApiTags('features')
@ApiParam({ name: 'id', description: 'id of the feature set, 64 hexadecimal digits' })
@ApiNotFoundResponse({ description: 'There is no such feature set' })
@Controller('v1/features')
export class RegionsController {
  private readonly budget = new BandBudget();

  constructor(@Inject(FeatureLibrary) private readonly library: FeatureLibrary) {}

  @Post(':id/roi-align')
  @ApiOperation({ summary: 'Regions of boxes, pooled as Matterport, Detectron2 or torchvision do it, as safetensors' })
  @ApiBody({
    schema: {
      type: 'object',
      required: ['boxes'],
      properties: {
        boxes: { type: 'array', items: BOX, maxItems: MAX_BOXES },
        coordinates: { enum: [...COORDINATES], default: 'pixel' },
        format: { enum: [...BOX_FORMATS] },
        method: { enum: [...ROI_METHODS], default: 'matterport' },
        outputSize: { oneOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' } }], default: 7 },
        samplingRatio: { type: 'integer', minimum: 0, maximum: MAX_SAMPLING_RATIO },
        levels: { type: 'array', items: { type: 'string' }, example: ['P2', 'P3', 'P4', 'P5'] },
      },
    },
  })
  @ApiOkResponse({
    description: 'safetensors: regions F32 [N, h, w, C] and levels U8 [N]',
    content: { 'application/octet-stream': {} },
  })
  @ApiResponse({ status: '4XX', description: 'problem+json with a stable code' })
  async regions(@Param('id') id: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { boxes, levels, ...options } = parseRegionRequest(jsonOf(request));
    const archive = await this.library.archive(id);
    try {
      const pooled = poolableLevels(archive.description.levels, levels && archive.select(levels));
      const placed = placeBoxes(boxes, { ...options, size: archive.description.size });
      const gone = new AbortController();
      const share = this.budget.enter();
      reply.raw.once('close', () => {
        gone.abort();
        share.leave();
      });
      const { length, stream } = streamRegions(archive, placed, pooled, options, share, gone.signal);
      void reply.status(200).headers({ 'content-type': 'application/octet-stream', 'content-length': length });
      await reply.send(stream);
    } catch (error) {
      await archive.close();
      throw error;
    }
  }
}

/** What is not JSON arrives as a stream; it is read past, so that the connection goes on. */
function jsonOf({ body }: FastifyRequest): unknown {
  if (!(body instanceof Readable)) return body;
  body.resume();
  return undefined;
}
