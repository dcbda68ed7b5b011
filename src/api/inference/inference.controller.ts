import { Controller, Headers, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ArchiveReader } from '../../features/archive-reader.js';
import { FeatureLibrary } from '../../features/library.js';
import { ImageIntake } from '../../images/intake.js';
import { JobService } from '../../jobs/service.js';
import { readInferenceRequest } from './inference-request.js';
import { MODEL_VERSION, modelOf } from './model-metadata.js';
import { withBody } from '../http/request-body.js';
import { streamAnswer } from './response-stream.js';

const HEADER_LENGTH = 'Inference-Header-Content-Length';

@ApiTags('open inference protocol')
@ApiParam({ name: 'model', example: 'mask-rcnn-resnet50' })
@Controller('v2/models')
export class InferenceController {
  constructor(
    @Inject(ImageIntake) private readonly intake: ImageIntake,
    @Inject(JobService) private readonly jobs: JobService,
    @Inject(FeatureLibrary) private readonly library: FeatureLibrary,
  ) {}

  @Post([':model/infer', ':model/versions/:version/infer'])
  @HttpCode(200)
  @ApiOperation({ summary: 'Levels of up to 64 images, as Triton and KServe answer: JSON, or JSON with binary data' })
  @ApiConsumes('application/json', 'application/octet-stream')
  @ApiHeader({ name: HEADER_LENGTH, required: false, description: 'bytes of JSON before binary data' })
  @ApiBody({
    schema: {
      type: 'object',
      required: ['inputs'],
      properties: {
        id: { type: 'string' },
        inputs: { type: 'array', items: { type: 'object' }, minItems: 1, maxItems: 1 },
        outputs: { type: 'array', items: { type: 'object' } },
        parameters: { type: 'object' },
      },
    },
  })
  @ApiOkResponse({
    description: 'The outputs; the parameter "features" has the ids of the feature sets, between commas',
    content: { 'application/json': {}, 'application/octet-stream': {} },
  })
  @ApiResponse({ status: '4XX', description: '{"error": message, "code": stable code}' })
  async infer(
    @Param('model') name: string,
    @Param('version') version: string | undefined,
    @Headers(HEADER_LENGTH.toLowerCase()) headerLength: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const asked = await withBody(request, (body) =>
      readInferenceRequest(modelOf(name, version), headerLength, body, this.intake),
    );
    const ids = await this.jobs.completeAll(asked.options, asked.images, gone.signal);
    const archives: ArchiveReader[] = [];
    try {
      for (const id of ids) archives.push(await this.library.archive(id));
      const { binary, id, outputs = archives[0]!.select().map(({ name }) => ({ name, binary })) } = asked;
      const answer = { modelName: name, modelVersion: MODEL_VERSION, id, outputs };
      const { stream, headerLength, length } = await streamAnswer(archives, answer);
      void reply.status(200).headers({
        'content-type': headerLength === undefined ? 'application/json' : 'application/octet-stream',
        ...(headerLength !== undefined && { [HEADER_LENGTH]: headerLength }),
        ...(length !== undefined && { 'content-length': length }),
      });
      await reply.send(stream);
    } catch (error) {
      await Promise.all(archives.map((archive) => archive.close()));
      throw error;
    }
  }
}
