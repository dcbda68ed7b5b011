import { Body, Controller, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { CairnError } from '../../errors.js';
import { FeatureLibrary } from '../../features/library.js';
import { BandBudget } from '../../features/roi-align/band-budget.js';
import { placeBoxes } from '../../features/roi-align/boxes.js';
import { poolableLevels } from '../../features/roi-align/levels.js';
import { streamRegions } from '../../features/roi-align/stream-regions.js';
import { ClientGone } from '../http/client-gone.js';
import { jsonBody } from '../http/zod-pipe.js';
import { binary, body, Operation } from '../openapi/operation.js';
import { FEATURES_NOT_FOUND, FEATURES_PARAMS } from './features.controller.js';
import { completeRegionRequest, regionRequestSchema } from './region-request.js';

const FORM = '{"boxes": [[y0, x0, y1, x1], …], …}';

@Controller('v1/features')
export class RegionsController {
  private readonly budget = new BandBudget();

  constructor(private readonly library: FeatureLibrary) {}

  @Post(':id/roi-align')
  @Operation({
    id: 'poolRegions',
    summary: 'Regions of boxes, pooled as a detection head expects them',
    description: 'RoIAlign of Matterport, Detectron2 or torchvision over the levels of a feature set.',
    params: FEATURES_PARAMS,
    body: body('application/json', regionRequestSchema, {
      boxes: [[128, 0, 512, 256]],
      levels: ['P2', 'P3', 'P4', 'P5'],
    }),
    answers: {
      200: {
        description: 'safetensors with `regions`, F32 [N, height, width, channels], and `levels`, U8 [N].',
        content: binary('application/octet-stream'),
      },
    },
    refusals: { 404: FEATURES_NOT_FOUND, 503: 'Too many requests for regions are being answered.' },
  })
  async regions(
    @Param('id') id: string,
    @Body(jsonBody(regionRequestSchema, FORM)) request: z.output<typeof regionRequestSchema>,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    const { boxes, levels, ...options } = completeRegionRequest(request);
    const archive = await this.library.archive(id);
    try {
      const pooled = poolableLevels(archive.description.levels, levels && archive.select(levels));
      const placed = placeBoxes(boxes, { ...options, size: archive.description.size });
      if (gone.aborted) throw new CairnError('cancelled', 'The client has gone away.');
      const share = this.budget.enter();
      gone.addEventListener('abort', () => share.leave(), { once: true });
      const { length, stream } = streamRegions(archive, placed, pooled, options, share, gone);
      void reply.status(200).headers({ 'content-type': 'application/octet-stream', 'content-length': length });
      await reply.send(stream);
    } catch (error) {
      await archive.close();
      throw error;
    }
  }
}
