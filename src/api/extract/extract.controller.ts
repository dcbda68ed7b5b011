import { Controller, Module, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BandBudget } from '../../features/band-budget.js';
import { asSchema, orderSchema, selectLevels } from '../../features/level-query.js';
import { ImageIntake } from '../../images/intake.js';
import { jobOptionsSchema, type GivenOptions } from '../../jobs/options.js';
import { PRIORITY_NAMES } from '../../jobs/payload.js';
import { JobService } from '../../jobs/service.js';
import { Scope } from '../auth/scope.js';
import { ClientGone } from '../http/client-gone.js';
import { readSubmission, SUBMISSION_BODY } from '../http/read-submission.js';
import { sendLevels } from '../http/send-range.js';
import { zod } from '../http/zod-pipe.js';
import { binary, header, Operation } from '../openapi/operation.js';

/** A client waits for the answer. */
const PRIORITY = 'high';
/** The other options may also be in a form or JSON, and are checked together. */
const querySchema = z.looseObject({ order: orderSchema, as: asSchema });

@Controller('v1/extract')
export class ExtractController {
  constructor(
    private readonly intake: ImageIntake,
    private readonly jobs: JobService,
    private readonly streams: BandBudget,
  ) {}

  @Post()
  @Scope('submit')
  @Operation({
    id: 'extract',
    summary: 'Submit an image and receive its levels in the answer',
    description: 'Takes what `POST /v1/jobs` takes and waits for the job, which is cancelled if the client goes away.',
    query: jobOptionsSchema.extend({
      priority: z.enum(PRIORITY_NAMES).default(PRIORITY).meta({ description: 'Place in the queue.' }),
      order: orderSchema,
      as: asSchema,
    }),
    headers: { 'Accept-Encoding': { description: '`zstd` before all others: compressed frames.', example: 'zstd' } },
    body: SUBMISSION_BODY,
    answers: {
      200: {
        description: 'The levels as a safetensors stream.',
        content: binary('application/octet-stream'),
        ...header('Content-Location', 'Path of the same levels, for later.'),
      },
    },
    refusals: { 409: 'The job was cancelled.', 429: 'The queue is full; try again after `Retry-After` seconds.' },
  })
  async extract(
    @Req() request: FastifyRequest,
    @Query(zod(querySchema)) { order, as, ...given }: GivenOptions & z.output<typeof querySchema>,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    const { options, source } = await readSubmission(request, this.intake, { priority: PRIORITY, ...given });
    const archive = await this.jobs.open(options, source, gone, request.caller);
    const { id } = archive.description;
    void reply.status(200).header('content-location', `/v1/features/${id}.safetensors`);
    // Nothing would close a stream that is sent to a closed connection.
    if (gone.aborted) return archive.close();
    // The levels are there: waiting costs less than computing again.
    const enter = () => this.streams.wait(gone);
    await sendLevels(archive, (held) => selectLevels(held, { order, as }), reply, enter);
  }
}

@Module({ controllers: [ExtractController] })
export class ExtractModule {}
