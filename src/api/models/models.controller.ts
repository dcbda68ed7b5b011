import { Controller, Get, Module, Param, Query } from '@nestjs/common';
import type { z } from 'zod';
import { DEFAULT_MODEL, listModels } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import { JobQueue } from '../../jobs/queue.js';
import { parseSpec, requestedSpecSchema } from '../../spec/feature-spec.js';
import { ModelRegistry } from '../../spec/resolve.js';
import { zod } from '../http/zod-pipe.js';
import { json, Operation } from '../openapi/operation.js';
import { modelDetailsSchema, modelListSchema, modelView } from './model-view.js';

const sizeSchema = requestedSpecSchema.pick({ size: true }).strip();
type Size = z.output<typeof sizeSchema>;

@Controller('v1/models')
export class ModelsController {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly queue: JobQueue,
  ) {}

  @Get()
  @Operation({
    id: 'listModels',
    summary: 'The catalogue: levels, strides, parameters and multiply-adds of every model',
    query: sizeSchema,
    answers: { 200: json('All models, and the workers that are connected.', modelListSchema) },
  })
  async list(@Query(zod(sizeSchema)) { size }: Size): Promise<z.input<typeof modelListSchema>> {
    const [models, workers] = await Promise.all([
      Promise.all(listModels().map(async (model) => modelView(model, size, await this.registry.source(model.name)))),
      // The catalogue is available without the queue.
      this.queue.workers().catch(() => null),
    ]);
    return { models, workers };
  }

  @Get(':name')
  @Operation({
    id: 'getModel',
    summary: 'One model, with the digest of its weights',
    params: { name: { description: 'Name of the model.', example: DEFAULT_MODEL } },
    query: sizeSchema,
    answers: { 200: json('The model.', modelDetailsSchema) },
    refusals: { 404: 'There is no such model.' },
  })
  async get(
    @Param('name') name: string,
    @Query(zod(sizeSchema)) { size }: Size,
  ): Promise<z.input<typeof modelDetailsSchema>> {
    const model = listModels().find((entry) => entry.name === name);
    if (!model) throw new CairnError('model-not-found', `There is no model "${name}"; GET /v1/models lists them.`);
    const { weightsDigest } = await this.registry.resolve(parseSpec({ model: name, levels: ['C5'] }));
    return { ...modelView(model, size, await this.registry.source(name)), weightsDigest };
  }
}

@Module({ controllers: [ModelsController] })
export class ModelsModule {}
