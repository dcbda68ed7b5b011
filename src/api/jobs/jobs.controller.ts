import { Controller, Delete, Get, Inject, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiConflictResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JobEvents, type JobEvent } from '../../jobs/events.js';
import { JobQueue } from '../../jobs/queue.js';
import { cachedFeatures, cachedStatus, isFinal } from '../../jobs/status.js';
import { CairnError } from '../../errors.js';
import { FeatureLibrary } from '../../features/library.js';
import { formatEvent, heartbeatUntil, sendEvents } from '../http/event-stream.js';
import { ImageIntake } from '../../images/intake.js';
import { JobOptionQueries } from './job-option-docs.js';
import { JobService } from '../../jobs/service.js';
import { jobView, type JobView } from './job-view.js';
import { readSubmission } from '../http/read-submission.js';

@ApiTags('jobs')
@Controller('v1/jobs')
export class JobsController {
  constructor(
    @Inject(ImageIntake) private readonly intake: ImageIntake,
    @Inject(JobService) private readonly jobs: JobService,
    @Inject(JobQueue) private readonly queue: JobQueue,
    @Inject(JobEvents) private readonly events: JobEvents,
    @Inject(FeatureLibrary) private readonly library: FeatureLibrary,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Submit an image: raw body, multipart form, or JSON with a URL' })
  @ApiConsumes('image/*', 'multipart/form-data', 'application/json')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @JobOptionQueries()
  @ApiResponse({ status: 202, description: 'Queued; Location names the job' })
  @ApiOkResponse({ description: 'The store had the answer already: a completed job' })
  @ApiResponse({ status: '4XX', description: 'problem+json with a stable code' })
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { options, source } = await readSubmission(request, this.intake);
    const job = jobView(await this.jobs.submit(options, source));
    await reply
      .status(job.state === 'completed' ? 200 : 202)
      .header('location', job.links['self']!)
      .send(job);
  }

  @Get(':id')
  @ApiOperation({ summary: 'State, progress and timings of a job' })
  @ApiOkResponse({ description: 'The job' })
  @ApiNotFoundResponse({ description: 'There is no such job' })
  async get(@Param('id') id: string): Promise<JobView> {
    const featuresId = cachedFeatures(id);
    if (featuresId === undefined) return jobView(await this.queue.status(id));
    if (!(await this.library.has(featuresId))) throw new CairnError('job-not-found', `There is no job ${id}.`);
    return jobView(cachedStatus(await this.library.describe(featuresId)));
  }

  @Delete(':id')
  @ApiOperation({ summary: 'Cancel a job that waits or runs' })
  @ApiOkResponse({ description: 'The cancelled job' })
  @ApiConflictResponse({ description: 'It has already completed or failed' })
  async cancel(@Param('id') id: string): Promise<JobView> {
    if (cachedFeatures(id) !== undefined) throw new CairnError('job-finished', `Job ${id} has already completed.`);
    const job = jobView(await this.queue.cancel(id));
    this.events.announce(id);
    return job;
  }

  @Get(':id/events')
  @ApiOperation({ summary: 'State and progress as server-sent events, until the job is finished' })
  @ApiOkResponse({
    description: 'Events "state" and "progress", each with the job as data',
    content: { 'text/event-stream': {} },
  })
  async follow(@Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    const stop = new AbortController();
    // Listening begins before the first look, so that no change falls between the two.
    const changes = this.events.follow(id, stop.signal);
    const next = changes.next();
    const first = await this.get(id).catch((error: unknown) => {
      stop.abort();
      throw error;
    });
    await sendEvents(reply, this.story(id, first, next, changes), stop);
  }

  private async *story(
    id: string,
    first: JobView,
    next: Promise<IteratorResult<JobEvent>>,
    changes: AsyncGenerator<JobEvent>,
  ) {
    yield formatEvent('state', first);
    let job = first;
    while (!isFinal(job.state)) {
      yield* heartbeatUntil(next);
      const change = await next;
      if (change.done) return;
      next = changes.next();
      job = await this.get(id);
      yield formatEvent(change.value, job);
    }
  }
}
