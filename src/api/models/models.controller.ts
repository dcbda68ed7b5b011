import { Controller, Get, Module, Param, Query } from '@nestjs/common';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { z } from 'zod';
import { DEFAULT_MODEL, listModels, type Model } from '../../backbone/catalogue.js';
import { knownModel } from '../../backbone/describe-model.js';
import { isSeeded } from '../../backbone/weights/weights.js';
import { CairnError } from '../../errors.js';
import { sha256Schema } from '../../formats/sha256.js';
import { JobQueue } from '../../jobs/queue.js';
import { defaultModel } from '../../spec/default-model.js';
import { parseSpec, requestedSpecSchema } from '../../spec/feature-spec.js';
import { ModelRegistry } from '../../spec/resolve.js';
import { Scope } from '../auth/scope.js';
import { zod } from '../http/zod-pipe.js';
import { json, Operation } from '../openapi/operation.js';

const levels = z
  .array(
    z
      .object({
        name: z.string(),
        shape: z.array(z.int()).readonly().meta({ description: '[height, width, channels]' }),
        stride: z.int().meta({ description: 'Pixels of the canvas per step of the level.' }),
        channels: z.int(),
        node: z.string().meta({ description: 'Layer whose output the level is.' }),
      })
      .meta({ id: 'ModelLevel', description: 'A level of a model, on a canvas of the given size.' }),
  )
  .readonly();
const gmacs = z.number().meta({ description: 'Multiply-adds of one image, in units of 10⁹.' });

export const modelViewSchema = z
  .object({
    name: z.string(),
    family: z.string(),
    architecture: z.string(),
    stage5: z.boolean(),
    size: z.int().meta({ description: 'Side of the canvas in pixels.' }),
    normalization: z.object({
      channelOrder: z.enum(['rgb', 'bgr']),
      mean: z.array(z.number()).readonly(),
      std: z.array(z.number()).readonly(),
    }),
    parameters: z.object({ total: z.int(), trainable: z.int(), nonTrainable: z.int() }),
    gmacs,
    levels,
    pyramid: z
      .object({ parameters: z.int(), gmacs, levels })
      .nullable()
      .meta({ description: 'What a feature pyramid adds; null where the strides do not allow one.' }),
    default: z.boolean().meta({ description: 'Whether jobs that name no model run this one.' }),
    weights: z.string().meta({ description: '`seeded` (untrained), or the name of the weights file.' }),
    weightsPresent: z.boolean().meta({ description: 'Whether there is a weights file.' }),
  })
  .meta({ id: 'Model', description: 'An entry of the catalogue.' });

export const modelDetailsSchema = modelViewSchema
  .extend({ weightsDigest: sha256Schema })
  .meta({ id: 'ModelDetails', description: 'An entry of the catalogue, with the digest of its weights.' });

export const modelListSchema = z
  .object({
    models: z.array(modelViewSchema),
    workers: z
      .array(z.object({ engine: z.string(), device: z.string(), host: z.string(), pid: z.int() }))
      .nullable()
      .meta({ description: 'Workers that are connected; null: not known at the moment.' }),
  })
  .meta({ id: 'ModelList', description: 'All models, and the connected workers.' });

/** A catalogue entry; `weights` is `seeded` or the name of its file. */
export function modelView(model: Model, size: number, weights: string) {
  return {
    ...knownModel(model, true, size),
    default: model.name === defaultModel(),
    weights,
    weightsPresent: !isSeeded(weights),
  };
}

const sizeSchema = requestedSpecSchema.pick({ size: true }).strip();
type Size = z.output<typeof sizeSchema>;

@Controller('v1/models')
export class ModelsController {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly queue: JobQueue,
  ) {}

  @Get()
  @Scope('read')
  @Operation({
    id: 'listModels',
    summary: 'The catalogue: levels, strides, parameters and multiply-adds of every model',
    query: sizeSchema,
    answers: { 200: json('All models, and the workers that are connected.', modelListSchema) },
  })
  async list(@Query(zod(sizeSchema)) { size }: Size): Promise<z.input<typeof modelListSchema>> {
    const [models, workers] = await Promise.all([
      this.catalogue(size),
      // The catalogue is available without the queue.
      this.queue.workers().catch(() => null),
    ]);
    return { models, workers };
  }

  private async catalogue(size: number) {
    const models: ReturnType<typeof modelView>[] = [];
    for (const model of listModels()) {
      models.push(modelView(model, size, await this.registry.source(model.name)));
      // Of a new size each takes milliseconds.
      await yieldToEvents();
    }
    return models;
  }

  @Get(':name')
  @Scope('read')
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
