import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { listModels } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import { StoreHealth } from '../../features/store/store-health.js';
import { JobQueue } from '../../jobs/queue.js';
import { Scope, WithoutKey } from '../auth/scope.js';
import { ByteBudget } from '../http/byte-budget.js';
import { OpaqueBody, withBody } from '../http/request-body.js';
import { body, json, ProtocolOperation } from '../openapi/operation.js';
import { SERVER_VERSION } from '../tokens.js';
import {
  MODEL_VERSION,
  modelConfiguration,
  modelConfigurationSchema,
  modelMetadata,
  modelMetadataSchema,
  modelOf,
  type ModelConfiguration,
  type ModelMetadata,
} from './model-metadata.js';
import { ProtocolFilter } from './protocol-error.js';
import { notReadyReason } from './readiness.js';

/** What the server has beyond the protocol itself, by Triton's names. */
export const EXTENSIONS = ['binary_tensor_data', 'model_configuration', 'parameters'];
const MAX_INDEX_REQUEST_BYTES = 1 << 16;

/** Operations on one model. */
export const MODEL = {
  params: {
    model: { description: 'Name of the model.', example: 'mask-rcnn-resnet50' },
    version: { description: 'Version of the model: 1.', example: MODEL_VERSION },
  },
  refusals: { 404: 'There is no such model or version.' },
};
const NOT_READY = 'The server is not ready; `error` says why.';

const serverSchema = z
  .object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
  .meta({ id: 'ServerMetadata', description: 'The server and its extensions of the protocol.' });
const liveSchema = z.object({ live: z.boolean() }).meta({ id: 'ServerLive' });
const readySchema = z
  .object({
    name: z.string().optional().meta({ description: 'Name of the model that was asked for.' }),
    ready: z.boolean(),
    error: z.string().optional().meta({ description: 'Why it is not ready.' }),
  })
  .meta({ id: 'Readiness', description: 'Whether the server, or a model, is ready.' });
const indexSchema = z.object({
  ready: z.boolean().default(false).meta({ description: 'Only models that are ready.' }),
});
const indexedSchema = z
  .array(z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string() }))
  .meta({ id: 'RepositoryIndex', description: 'Models with their state.' });

/** Metadata and readiness. KServe's clients read the bodies; Triton's look at the status only. */
@UseFilters(ProtocolFilter)
@Controller('v2')
export class ProtocolController {
  constructor(
    private readonly queue: JobQueue,
    private readonly store: StoreHealth,
    private readonly memory: ByteBudget,
    @Inject(SERVER_VERSION) private readonly version: string,
  ) {}

  @Get()
  @Scope('read')
  @ProtocolOperation({
    id: 'getServerMetadata',
    summary: 'Name, version and extensions of the server',
    answers: { 200: json('Server metadata.', serverSchema) },
  })
  server(): z.infer<typeof serverSchema> {
    return { name: 'cairn', version: this.version, extensions: EXTENSIONS };
  }

  @Get('health/live')
  @WithoutKey()
  @ProtocolOperation({
    id: 'checkServerLive',
    summary: 'Whether the server is alive',
    answers: { 200: json('The server is alive.', liveSchema) },
  })
  live(): z.infer<typeof liveSchema> {
    return { live: true };
  }

  @Get('health/ready')
  @WithoutKey()
  @ProtocolOperation({
    id: 'checkServerReady',
    summary: 'Whether the queue is available and a worker is connected',
    answers: { 200: json('The server is ready.', readySchema), 400: json(NOT_READY, readySchema) },
  })
  async ready(@Res() reply: FastifyReply): Promise<void> {
    await this.sendReadiness(reply);
  }

  @Get(['models/:model/ready', 'models/:model/versions/:version/ready'])
  @Scope('read')
  @ProtocolOperation({
    id: 'checkModelReady',
    summary: 'Whether a model is ready: it exists and the server is ready',
    ...MODEL,
    answers: { 200: json('The model is ready.', readySchema), 400: json(NOT_READY, readySchema) },
  })
  async modelReady(
    @Param('model') name: string,
    @Param('version') version: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.sendReadiness(reply, modelOf(name, version).name);
  }

  @Get(['models/:model', 'models/:model/versions/:version'])
  @Scope('read')
  @ProtocolOperation({
    id: 'getModelMetadata',
    summary: 'Inputs and outputs of a model',
    ...MODEL,
    answers: { 200: json('Model metadata.', modelMetadataSchema) },
  })
  metadata(@Param('model') name: string, @Param('version') version: string | undefined): ModelMetadata {
    return modelMetadata(modelOf(name, version));
  }

  @Get(['models/:model/config', 'models/:model/versions/:version/config'])
  @Scope('read')
  @ProtocolOperation({
    id: 'getModelConfiguration',
    summary: "Inputs and outputs of a model as Triton's model configuration",
    ...MODEL,
    answers: { 200: json('Model configuration.', modelConfigurationSchema) },
  })
  configuration(@Param('model') name: string, @Param('version') version: string | undefined): ModelConfiguration {
    return modelConfiguration(modelOf(name, version));
  }

  @Post('repository/index')
  @HttpCode(200)
  @OpaqueBody()
  @Scope('read')
  @ProtocolOperation({
    id: 'indexRepository',
    summary: 'All models with their state',
    body: body('application/json', indexSchema),
    bodyOptional: true,
    answers: { 200: json('The models.', indexedSchema) },
  })
  async index(@Req() request: FastifyRequest): Promise<z.infer<typeof indexedSchema>> {
    const onlyReady = await withBody(request, this.memory, async (bytes) =>
      parseIndexRequest((await bytes.all(MAX_INDEX_REQUEST_BYTES, 'The request')).toString('utf8')),
    );
    const reason = await notReadyReason(this.queue, this.store);
    const state = reason === undefined ? 'READY' : 'UNAVAILABLE';
    if (onlyReady && state !== 'READY') return [];
    return listModels().map(({ name }) => ({ name, version: MODEL_VERSION, state, reason: reason ?? '' }));
  }

  /** The protocol requires a status of 4xx when something is not ready; Triton uses 400. */
  private async sendReadiness(reply: FastifyReply, name?: string): Promise<void> {
    const reason = await notReadyReason(this.queue, this.store);
    const ready = reason === undefined;
    // Fields that are undefined are left out of the JSON.
    const answer: z.infer<typeof readySchema> = { name, ready, error: reason };
    await reply.status(ready ? 200 : 400).send(answer);
  }
}

/** Whether only models that are ready are wanted. The body may be missing. */
function parseIndexRequest(text: string): boolean {
  if (text.trim() === '') return false;
  try {
    return indexSchema.parse(JSON.parse(text)).ready;
  } catch (cause) {
    throw new CairnError('request-malformed', 'The body must be JSON, {"ready": true or false}.', { cause });
  }
}
