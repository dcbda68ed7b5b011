import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { descriptionSchema } from '../../features/feature-set.js';
import { levelQuerySchema, selectLevels, type LevelQuery } from '../../features/level-query.js';
import { FeatureLibrary } from '../../features/library.js';
import { featureLinks, featureLinksSchema } from '../../features/links.js';
import { IMMUTABLE, sendLevels, sendObject } from '../http/send-range.js';
import { zod } from '../http/zod-pipe.js';
import { binary, json, Operation, type Answer } from '../openapi/operation.js';

export const FEATURES_PARAMS = {
  id: { description: 'Id of the feature set: 64 hexadecimal digits.', example: 'e3b0c442'.repeat(8) },
};
export const FEATURES_NOT_FOUND = 'There is no such feature set.';

const RANGE = { Range: { description: 'One range of bytes.', example: 'bytes=0-1023' } };
const OUTSIDE = { 404: FEATURES_NOT_FOUND, 416: 'The range lies outside of the file.' };
const ranged = (...types: string[]): Record<number, Answer> => ({
  200: { description: 'The whole file. It never changes.', content: binary(...types) },
  206: { description: 'The range asked for.', content: binary(...types) },
});

const featureSetSchema = descriptionSchema
  .extend({ links: featureLinksSchema })
  .meta({ id: 'FeatureSet', description: 'How a feature set was made, and the levels that it holds.' });

@Controller('v1/features')
export class FeaturesController {
  constructor(private readonly library: FeatureLibrary) {}

  @Get(':id.zarr.zip')
  @Operation({
    id: 'getArchive',
    summary: 'The archive of a feature set: a Zarr v3 group in a zip file',
    params: FEATURES_PARAMS,
    headers: RANGE,
    answers: ranged('application/zip'),
    refusals: OUTSIDE,
  })
  async archive(@Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    const object = await this.library.file(id);
    void reply.header('content-disposition', `attachment; filename="${id}.zarr.zip"`);
    await sendObject(object, reply, 'application/zip');
  }

  @Get(':id.zarr/*')
  @Operation({
    id: 'getArchiveEntry',
    summary: 'One entry of the archive, for readers of remote Zarr groups',
    params: { ...FEATURES_PARAMS, path: { description: 'Path in the archive.', example: 'C4/zarr.json' } },
    headers: RANGE,
    answers: ranged('application/json', 'application/octet-stream'),
    refusals: OUTSIDE,
  })
  async entry(@Param('id') id: string, @Param('*') path: string, @Res() reply: FastifyReply): Promise<void> {
    const object = await this.library.entry(id, path);
    await sendObject(object, reply, path.endsWith('.json') ? 'application/json' : 'application/octet-stream');
  }

  @Get(':id.safetensors')
  @Operation({
    id: 'getLevels',
    summary: 'The levels, or a window of each, as a safetensors stream',
    params: FEATURES_PARAMS,
    query: levelQuerySchema,
    headers: { 'Accept-Encoding': { description: '`zstd` before all others: compressed frames.', example: 'zstd' } },
    answers: {
      200: { description: 'A header, then the levels band by band.', content: binary('application/octet-stream') },
    },
    refusals: { 404: FEATURES_NOT_FOUND },
  })
  async safetensors(
    @Param('id') id: string,
    @Query(zod(levelQuerySchema)) query: LevelQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const archive = await this.library.archive(id);
    void reply.header('cache-control', IMMUTABLE);
    await sendLevels(archive, (held) => selectLevels(held, query), reply);
  }

  @Get(':id')
  @Operation({
    id: 'getFeatures',
    summary: 'How a feature set was made, and what it holds',
    params: FEATURES_PARAMS,
    answers: { 200: json('The description.', featureSetSchema) },
    refusals: { 404: FEATURES_NOT_FOUND },
  })
  async describe(@Param('id') id: string): Promise<z.infer<typeof featureSetSchema>> {
    return { ...(await this.library.describe(id)), links: featureLinks(id) };
  }
}
