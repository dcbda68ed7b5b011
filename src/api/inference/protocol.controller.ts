import { Controller, Get, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { listModels } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import { JobQueue } from '../../jobs/queue.js';
import { MODEL_VERSION, modelConfiguration, modelMetadata, modelOf } from './model-metadata.js';
import { unreadiness } from './readiness.js';
import { withBody } from '../http/request-body.js';

/** The injection token of the server's own version. */
export const SERVER_VERSION = Symbol('server version');

/** Triton's names of what goes beyond the protocol itself. */
const EXTENSIONS = ['binary_tensor_data', 'model_configuration', 'parameters'];

const MAX_INDEX_REQUEST_BYTES = 1 << 16;
const indexSchema = z.object({ ready: z.boolean().default(false) });

const MODEL = { name: 'model', example: 'mask-rcnn-resnet50' };

/** What a client asks before it infers. Bodies are as KServe's clients read them; Triton's look at the status only. */
@ApiTags('open inference protocol')
@Controller('v2')
export class ProtocolController {
  constructor(
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(SERVER_VERSION) private readonly version: string,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Name, version and extensions of the server' })
  @ApiOkResponse({ description: 'They' })
  server() {
    return { name: 'cairn', version: this.version, extensions: EXTENSIONS };
  }

  @Get('health/live')
  @ApiOperation({ summary: 'The process answers' })
  @ApiOkResponse({ description: 'It does' })
  live() {
    return { live: true };
  }

  @Get('health/ready')
  @ApiOperation({ summary: 'The queue answers, and a worker is connected' })
  @ApiOkResponse({ description: 'They are' })
  @ApiResponse({ status: 400, description: 'They are not; "error" says why' })
  async ready(@Res() reply: FastifyReply): Promise<void> {
    await this.tellReady(reply, {});
  }

  @Get(['models/:model/ready', 'models/:model/versions/:version/ready'])
  @ApiOperation({ summary: 'There is such a model, and the server is ready' })
  @ApiParam(MODEL)
  @ApiOkResponse({ description: 'It is' })
  @ApiResponse({ status: 400, description: 'It is not; "error" says why' })
  async modelReady(
    @Param('model') name: string,
    @Param('version') version: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.tellReady(reply, { name: modelOf(name, version).name });
  }

  @Get(['models/:model', 'models/:model/versions/:version'])
  @ApiOperation({ summary: 'Inputs and outputs of a model' })
  @ApiParam(MODEL)
  @ApiOkResponse({ description: 'The metadata' })
  metadata(@Param('model') name: string, @Param('version') version: string | undefined) {
    return modelMetadata(modelOf(name, version));
  }

  @Get(['models/:model/config', 'models/:model/versions/:version/config'])
  @ApiOperation({ summary: "The same as Triton's model configuration" })
  @ApiParam(MODEL)
  @ApiOkResponse({ description: 'The configuration' })
  configuration(@Param('model') name: string, @Param('version') version: string | undefined) {
    return modelConfiguration(modelOf(name, version));
  }

  @Post('repository/index')
  @HttpCode(200)
  @ApiOperation({ summary: 'All models; with {"ready": true} those that are ready' })
  @ApiOkResponse({ description: 'A list of {name, version, state, reason}' })
  async index(@Req() request: FastifyRequest) {
    const ready = await withBody(request, async (body) =>
      parseIndexRequest((await body.all(MAX_INDEX_REQUEST_BYTES, 'The request')).toString('utf8')),
    );
    const reason = await unreadiness(this.queue);
    const state = reason === undefined ? 'READY' : 'UNAVAILABLE';
    if (ready && state !== 'READY') return [];
    return listModels().map(({ name }) => ({ name, version: MODEL_VERSION, state, reason: reason ?? '' }));
  }

  /** The protocol wants 4xx of what is not ready, and Triton takes 400. */
  private async tellReady(reply: FastifyReply, about: { name?: string }): Promise<void> {
    const reason = await unreadiness(this.queue);
    const ready = reason === undefined;
    await reply.status(ready ? 200 : 400).send({ ...about, ready, ...(!ready && { error: reason }) });
  }
}

/** Whether only models are wanted that are ready. The body may be missing. */
function parseIndexRequest(text: string): boolean {
  if (text.trim() === '') return false;
  try {
    return indexSchema.parse(JSON.parse(text)).ready;
  } catch (cause) {
    throw new CairnError('request-malformed', 'The body must be JSON, {"ready": true or false}.', { cause });
  }
}
