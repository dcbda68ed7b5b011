import { Body, Controller, Get, Inject, Module, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { CairnError } from '../../errors.js';
import type { ArchiveReader } from '../../features/archive-reader.js';
import { BandBudget, type BandShare } from '../../features/band-budget.js';
import { descriptionSchema } from '../../features/feature-set.js';
import { levelQuerySchema, selectLevels, type LevelQuery } from '../../features/level-query.js';
import { FeatureLibrary } from '../../features/library.js';
import { featureLinks, featureLinksSchema } from '../../features/links.js';
import { placeBoxes } from '../../features/roi-align/boxes.js';
import { poolableLevels } from '../../features/roi-align/levels.js';
import { checkRegions, streamRegions } from '../../features/roi-align/stream-regions.js';
import { Turns } from '../../features/roi-align/turns.js';
import { Scope } from '../auth/scope.js';
import { ClientGone } from '../http/client-gone.js';
import type { HttpLimits } from '../http/limits.js';
import { immutable, sendLevels, sendObject } from '../http/send-range.js';
import { jsonBody, zod } from '../http/zod-pipe.js';
import { binary, body, header, json, Operation } from '../openapi/operation.js';
import { HTTP_LIMITS, REDIRECT, REGION_STREAMS } from '../tokens.js';
import { completeRegionRequest, regionRequestSchema } from './region-request.js';

/** Operations on one feature set. */
const SET = {
  params: { id: { description: 'Id of the feature set: 64 hexadecimal digits.', example: 'e3b0c442'.repeat(8) } },
  refusals: {
    404: 'There is no such feature set.',
    410: 'The stored set is damaged: submit its image again, and it is made anew.',
  },
};
/** Those that answer with a file, or a range of it. */
const ranged = (...types: string[]) => ({
  ...SET,
  headers: { Range: { description: 'One range of bytes.', example: 'bytes=0-1023' } },
  answers: {
    200: { description: 'The whole file. It never changes.', content: binary(...types) },
    206: { description: 'The range asked for.', content: binary(...types) },
  },
  refusals: { ...SET.refusals, 416: 'The range lies outside of the file.' },
});

const REGIONS_FORM = '{"boxes": [[y0, x0, y1, x1], …], …}';

const featureSetSchema = descriptionSchema
  .extend({ links: featureLinksSchema })
  .meta({ id: 'FeatureSet', description: 'How a feature set was made, and the levels that it holds.' });

@Controller('v1/features')
export class FeaturesController {
  private readonly turns = new Turns();

  constructor(
    private readonly library: FeatureLibrary,
    private readonly streams: BandBudget,
    @Inject(REGION_STREAMS) private readonly regionReaders: BandBudget,
    @Inject(HTTP_LIMITS) private readonly limits: HttpLimits,
    @Inject(REDIRECT) private readonly redirect: boolean,
  ) {}

  @Get(':id.zarr.zip')
  @Scope('read')
  @Operation({
    id: 'getArchive',
    summary: 'The archive of a feature set: a Zarr v3 group in a zip file',
    ...ranged('application/zip'),
    answers: {
      ...ranged('application/zip').answers,
      307: { description: 'Where the store itself has the file, for a while.', ...header('location', 'A URL.') },
    },
  })
  async archive(@Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    // The signature of a link is for GET.
    const link = this.redirect && reply.request.method === 'GET' ? await this.library.link(id) : undefined;
    if (link !== undefined) {
      await reply.status(307).headers({ location: link, 'cache-control': 'no-store' }).send();
      return;
    }
    const object = await this.library.file(id);
    void reply.header('content-disposition', `attachment; filename="${id}.zarr.zip"`);
    await sendObject(object, reply, 'application/zip');
  }

  @Get(':id.zarr/*')
  @Scope('read')
  @Operation({
    id: 'getArchiveEntry',
    summary: 'One entry of the archive, for readers of remote Zarr groups',
    ...ranged('application/json', 'application/octet-stream'),
    params: { ...SET.params, path: { description: 'Path in the archive.', example: 'C4/zarr.json' } },
  })
  async entry(@Param('id') id: string, @Param('*') path: string, @Res() reply: FastifyReply): Promise<void> {
    const object = await this.library.entry(id, path);
    await sendObject(object, reply, path.endsWith('.json') ? 'application/json' : 'application/octet-stream');
  }

  @Get(':id.safetensors')
  @Scope('read')
  @Operation({
    id: 'getLevels',
    summary: 'The levels, or a window of each, as a safetensors stream',
    ...SET,
    refusals: { ...SET.refusals, 503: 'Too many requests for levels are being answered.' },
    query: levelQuerySchema,
    headers: { 'Accept-Encoding': { description: '`zstd` before all others: compressed frames.', example: 'zstd' } },
    answers: {
      200: { description: 'A header, then the levels band by band.', content: binary('application/octet-stream') },
    },
  })
  async safetensors(
    @Param('id') id: string,
    @Query(zod(levelQuerySchema)) query: LevelQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const archive = await this.library.archive(id);
    void reply.header('cache-control', immutable(reply.request));
    const choose = (held: ArchiveReader) => selectLevels(held, query);
    await sendLevels(archive, choose, reply, () => this.streams.enter(), { check: true });
  }

  @Get(':id')
  @Scope('read')
  @Operation({
    id: 'getFeatures',
    summary: 'How a feature set was made, and what it holds',
    ...SET,
    answers: { 200: json('The description.', featureSetSchema) },
  })
  async describe(@Param('id') id: string): Promise<z.infer<typeof featureSetSchema>> {
    return { ...(await this.library.describe(id)), links: featureLinks(id) };
  }

  @Post(':id/roi-align')
  @Scope('read')
  @Operation({
    id: 'poolRegions',
    summary: 'Regions of boxes, pooled as a detection head expects them',
    description: 'RoIAlign of Matterport, Detectron2 or torchvision over the levels of a feature set.',
    ...SET,
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
    refusals: {
      ...SET.refusals,
      413: 'The answer would be too large.',
      503: 'Too many requests for regions are being answered.',
    },
  })
  async regions(
    @Param('id') id: string,
    @Body(jsonBody(regionRequestSchema, REGIONS_FORM)) request: z.output<typeof regionRequestSchema>,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    const { boxes, levels, ...options } = completeRegionRequest(request);
    const archive = await this.library.archive(id);
    let share: BandShare | undefined;
    try {
      const pooled = poolableLevels(archive.description.levels, levels && archive.select(levels));
      this.refuseLarge(boxes.length * options.outputSize[0] * options.outputSize[1] * pooled[0]!.channels);
      const placed = placeBoxes(boxes, { ...options, size: archive.description.size });
      share = this.regionReaders.enter();
      gone.addEventListener('abort', () => share?.leave(), { once: true });
      await checkRegions(archive, placed, pooled, options.method);
      if (gone.aborted) throw new CairnError('cancelled', 'The client has gone away.');
      const { length, stream } = streamRegions(archive, placed, pooled, options, share, gone, this.turns);
      void reply.status(200).headers({ 'content-type': 'application/octet-stream', 'content-length': length });
      await reply.send(stream);
    } catch (error) {
      share?.leave();
      await archive.close();
      throw error;
    }
  }

  /** @throws CairnError `regions-too-large`. */
  private refuseLarge(floats: number): void {
    const { maxRegionBytes } = this.limits;
    const bytes = floats * Float32Array.BYTES_PER_ELEMENT;
    if (bytes <= maxRegionBytes) return;
    throw new CairnError(
      'regions-too-large',
      `The regions would have ${bytes} bytes; the limit is ${maxRegionBytes}. Ask for fewer boxes or smaller regions at once.`,
    );
  }
}

@Module({ controllers: [FeaturesController] })
export class FeaturesModule {}
