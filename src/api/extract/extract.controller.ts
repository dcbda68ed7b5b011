import { Controller, Inject, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FeatureLibrary } from '../../features/library.js';
import { chooseFrom, parseOrder } from '../features/level-options.js';
import { sendLevels } from '../features/send-levels.js';
import { ImageIntake } from '../../images/intake.js';
import { JobOptionQueries } from '../jobs/job-option-docs.js';
import { JobService } from '../../jobs/service.js';
import { readSubmission } from '../http/read-submission.js';

/** Somebody waits for the answer. */
const PRIORITY = 'high';

@ApiTags('extract')
@Controller('v1/extract')
export class ExtractController {
  constructor(
    @Inject(ImageIntake) private readonly intake: ImageIntake,
    @Inject(JobService) private readonly jobs: JobService,
    @Inject(FeatureLibrary) private readonly library: FeatureLibrary,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Submit an image as to /v1/jobs, and get its levels in the answer: a safetensors stream' })
  @ApiConsumes('image/*', 'multipart/form-data', 'application/json')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @JobOptionQueries()
  @ApiQuery({ name: 'order', required: false, enum: ['fine-first', 'coarse-first'] })
  @ApiHeader({ name: 'Accept-Encoding', required: false, example: 'zstd' })
  @ApiOkResponse({
    description: 'The levels; Content-Location names the feature set for later',
    content: { 'application/octet-stream': {} },
  })
  @ApiResponse({ status: '4XX', description: 'problem+json with a stable code' })
  async extract(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const { order, ...given } = request.query as Record<string, unknown>;
    parseOrder(order);
    const { options, source } = await readSubmission(request, this.intake, { priority: PRIORITY, ...given });
    const id = await this.jobs.complete(options, source, gone.signal);
    void reply.status(200).header('content-location', `/v1/features/${id}.safetensors`);
    const archive = await this.library.archive(id);
    // Nobody would close what is sent to a connection that has ended already.
    if (gone.signal.aborted) return archive.close();
    await sendLevels(archive, (held) => chooseFrom(held, { order }), request, reply);
  }
}
