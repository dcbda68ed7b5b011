import { Controller, Headers, HttpCode, Inject, Param, Post, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BandBudget } from '../../features/band-budget.js';
import { ImageIntake } from '../../images/intake.js';
import { JobService } from '../../jobs/service.js';
import { Scope } from '../auth/scope.js';
import { ByteBudget } from '../http/byte-budget.js';
import { ClientGone } from '../http/client-gone.js';
import type { HttpLimits } from '../http/limits.js';
import { OpaqueBody, withBody } from '../http/request-body.js';
import { binary, body, header, json, ProtocolOperation } from '../openapi/operation.js';
import { HTTP_LIMITS } from '../tokens.js';
import { readInferenceRequest } from './inference-request.js';
import { MODEL_VERSION, modelOf } from './model-metadata.js';
import { MODEL } from './protocol.controller.js';
import { ProtocolFilter } from './protocol-error.js';
import { inferenceRequestSchema } from './request-schema.js';
import { DATATYPES, streamAnswer } from './response-stream.js';

const HEADER_LENGTH = 'Inference-Header-Content-Length';

const answerSchema = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional(),
    parameters: z.object({
      features: z
        .string()
        .meta({ description: 'Ids of the feature sets, separated by commas, in the order of the images.' }),
    }),
    outputs: z.array(
      z.object({
        name: z.string(),
        datatype: z.enum(Object.values(DATATYPES)),
        shape: z.array(z.int()).meta({ description: '[images, height, width, channels]' }),
        data: z.array(z.number()).optional(),
        parameters: z
          .object({
            binary_data_size: z.int().optional(),
            scale: z
              .string()
              .optional()
              .meta({ description: 'UINT8 only: values are scale × (data − zero_point). One number per image.' }),
            zero_point: z.string().optional().meta({ description: 'UINT8 only: the integers that stand for 0.' }),
          })
          .optional(),
      }),
    ),
  })
  .meta({ id: 'InferenceResponse', description: 'Levels of the images, as one tensor each.' });

const EXAMPLE = {
  inputs: [{ name: 'image_bytes', datatype: 'BYTES', shape: [1], data: ['/9j/4AAQSkZJRg…'] }],
  outputs: [{ name: 'C5' }],
  parameters: { size: 256 },
};

@UseFilters(ProtocolFilter)
@Controller('v2/models')
export class InferenceController {
  constructor(
    private readonly intake: ImageIntake,
    private readonly jobs: JobService,
    private readonly memory: ByteBudget,
    private readonly streams: BandBudget,
    @Inject(HTTP_LIMITS) private readonly limits: HttpLimits,
  ) {}

  @Post([':model/infer', ':model/versions/:version/infer'])
  @HttpCode(200)
  @OpaqueBody()
  @Scope('submit')
  @ProtocolOperation({
    id: 'infer',
    summary: 'Levels of up to 64 images, as JSON or as JSON with binary data',
    ...MODEL,
    headers: { [HEADER_LENGTH]: { description: 'Bytes of JSON before the binary data; 0: the body is one image.' } },
    body: { ...body('application/json', inferenceRequestSchema, EXAMPLE), ...binary('application/octet-stream') },
    answers: {
      200: {
        ...json('The outputs.', answerSchema, header(HEADER_LENGTH, 'Bytes of JSON before the binary data.')),
        content: { ...json('', answerSchema).content, ...binary('application/octet-stream') },
      },
    },
  })
  async infer(
    @Param('model') name: string,
    @Param('version') version: string | undefined,
    @Headers(HEADER_LENGTH.toLowerCase()) headerLength: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    const inference = await withBody(request, this.memory, (bytes) =>
      readInferenceRequest(modelOf(name, version), headerLength, bytes, this.intake, this.limits.maxJsonValues),
    );
    const archives = await this.jobs.openAll(inference.options, inference.images, gone, request.caller);
    const close = () => Promise.all(archives.map((archive) => archive.close()));
    // The levels are there: waiting costs less than computing again.
    const share = await this.streams.wait(gone).catch(async (error: unknown) => {
      await close();
      throw error;
    });
    try {
      const { binary: isBinary, id } = inference;
      const outputs =
        inference.outputs ?? archives[0]!.select().map((level) => ({ name: level.name, binary: isBinary }));
      const answer = { modelName: name, modelVersion: MODEL_VERSION, id, outputs };
      const { stream, headerLength: jsonLength, length } = await streamAnswer(archives, answer, share);
      void reply.status(200).headers({
        'content-type': jsonLength === undefined ? 'application/json' : 'application/octet-stream',
        ...(jsonLength !== undefined && { [HEADER_LENGTH]: jsonLength }),
        ...(length !== undefined && { 'content-length': length }),
      });
      await reply.send(stream);
    } catch (error) {
      share.leave();
      await close();
      throw error;
    }
  }
}
