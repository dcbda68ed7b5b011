import { Controller, Delete, Get, Module, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { asCairnError, CairnError } from '../../errors.js';
import { FeatureLibrary } from '../../features/library.js';
import { ImageIntake } from '../../images/intake.js';
import { JobEvents, type JobEvent } from '../../jobs/events.js';
import { jobOptionsSchema } from '../../jobs/options.js';
import { jobNotFound, JobQueue } from '../../jobs/queue.js';
import { JobService } from '../../jobs/service.js';
import { cachedFeatures, cachedStatus, isFinal, type JobStatus } from '../../jobs/status.js';
import { mayAccess, type Caller } from '../../keys/api-key.js';
import { Audit } from '../auth/audit.js';
import { CalledBy } from '../auth/key-guard.js';
import { Scope } from '../auth/scope.js';
import { HEARTBEAT_MS } from '../../redis/heartbeat.js';
import { unlessAway } from '../../redis/reach.js';
import { ClientGone } from '../http/client-gone.js';
import { formatEvent, HEARTBEAT, sendEvents, settledWithin } from '../http/event-stream.js';
import { readSubmission, SUBMISSION_BODY } from '../http/read-submission.js';
import { header, json, Operation, textStream } from '../openapi/operation.js';
import { jobView, jobViewSchema, type JobView } from './job-view.js';

/** Operations on one job. */
const JOB = {
  params: { id: { description: 'Id of the job.' } },
  refusals: { 404: 'There is no such job; jobs are kept for seven days.' },
};

@Controller('v1/jobs')
export class JobsController {
  constructor(
    private readonly intake: ImageIntake,
    private readonly jobs: JobService,
    private readonly queue: JobQueue,
    private readonly events: JobEvents,
    private readonly library: FeatureLibrary,
    private readonly audit: Audit,
  ) {}

  @Post()
  @Scope('submit')
  @Operation({
    id: 'submitJob',
    summary: 'Submit an image',
    description:
      'The image is the body, the file of a form, or named by JSON. Options are in the query, the form or the JSON.',
    query: jobOptionsSchema,
    body: SUBMISSION_BODY,
    answers: {
      200: json('The features are in the store already; the job is completed.', jobViewSchema),
      202: json('The job is queued.', jobViewSchema, header('Location', 'Path of the job.')),
    },
    refusals: { 429: 'The queue is full; try again after `Retry-After` seconds.' },
  })
  async submit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { options, source } = await readSubmission(request, this.intake);
    const job = jobView(await this.jobs.submit(options, source, request.caller));
    await reply
      .status(job.state === 'completed' ? 200 : 202)
      .header('location', job.links.self)
      .send(job);
  }

  @Get(':id')
  @Scope('read')
  @Operation({
    id: 'getJob',
    summary: 'State, progress and timings of a job',
    ...JOB,
    answers: { 200: json('The job as it is now.', jobViewSchema) },
  })
  async get(@Param('id') id: string, @CalledBy() caller: Caller | undefined): Promise<JobView> {
    const featuresId = cachedFeatures(id);
    if (featuresId === undefined) return jobView(await this.own(id, caller));
    const description = await this.library.find(featuresId);
    if (!description) throw new CairnError('job-not-found', `There is no job ${id}.`);
    return jobView(cachedStatus(description));
  }

  @Delete(':id')
  @Scope('submit')
  @Operation({
    id: 'cancelJob',
    summary: 'Cancel a job that is queued or active',
    ...JOB,
    answers: { 200: json('The cancelled job.', jobViewSchema) },
    refusals: { ...JOB.refusals, 409: 'The job has already completed or failed.' },
  })
  async cancel(@Param('id') id: string, @Req() request: FastifyRequest): Promise<JobView> {
    if (cachedFeatures(id) !== undefined) throw new CairnError('job-finished', `Job ${id} has already completed.`);
    await this.own(id, request.caller);
    const job = jobView(await this.queue.cancel(id));
    this.events.announce(id);
    this.audit.changed(request, `job ${id} cancelled`);
    return job;
  }

  @Get(':id/events')
  @Scope('read')
  @Operation({
    id: 'followJob',
    summary: 'State and progress as server-sent events',
    description: 'The first event is the state of the job as it is; the stream ends when the job is finished.',
    ...JOB,
    answers: {
      200: {
        description: 'Events `state` and `progress`; the data of each is the job. `end`: the job is lost.',
        content: textStream('text/event-stream', 'Server-sent events.', {
          state: jobViewSchema,
          progress: jobViewSchema,
          end: z.object({ code: z.string(), message: z.string() }),
        }),
      },
    },
  })
  async follow(
    @Param('id') id: string,
    @CalledBy() caller: Caller | undefined,
    @Res() reply: FastifyReply,
    @ClientGone() gone: AbortSignal,
  ): Promise<void> {
    // Subscribe before the first look, so that no change falls between the two.
    const changes = this.events.follow(id, gone);
    const next = changes.next();
    const first = await this.get(id, caller);
    await sendEvents(reply, this.story(first, next, changes, caller), gone);
  }

  /** The job, unless it is another key's. @throws CairnError as `JobQueue.status`. */
  private async own(id: string, caller: Caller | undefined): Promise<JobStatus> {
    const job = await this.queue.status(id);
    if (mayAccess(caller, job.payload.owner)) return job;
    throw jobNotFound(id);
  }

  private async *story(
    first: JobView,
    next: Promise<IteratorResult<JobEvent>>,
    changes: AsyncGenerator<JobEvent>,
    caller: Caller | undefined,
  ) {
    yield formatEvent('state', first);
    let job = first;
    while (!isFinal(job.state)) {
      const change = await settledWithin(next, HEARTBEAT_MS);
      if (change?.done) return;
      if (change) next = changes.next();
      else yield HEARTBEAT;
      // Redis loses events in a restart, and jobs in a power cut: a silent job is looked at too.
      let now: JobView | undefined;
      try {
        now = await unlessAway(() => this.get(job.id, caller));
      } catch (error) {
        const { code, message } = asCairnError(error);
        if (code !== 'job-not-found') throw error;
        yield formatEvent('end', { code, message });
        return;
      }
      if (!now || (!change && JSON.stringify(now) === JSON.stringify(job))) continue;
      job = now;
      yield formatEvent(change?.value ?? 'state', job);
    }
  }
}

@Module({ controllers: [JobsController] })
export class JobsModule {}
