import { Controller, Get, Inject, Module, Res } from '@nestjs/common';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Counter, Gauge, Histogram } from 'prom-client';
import { JobQueue } from '../../jobs/queue.js';
import { JOB_STATES } from '../../jobs/status.js';
import { Scope } from '../auth/scope.js';
import { ProcessMetrics } from '../../metrics/process-metrics.js';
import { failureOf } from '../http/error-filter.js';
import { Operation, textStream } from '../openapi/operation.js';

/** In seconds: from responses from memory to those that wait for a network on a slow machine. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What an API adds to the metrics of its process. */
export class Metrics {
  private readonly durations: Histogram;
  private readonly errors: Counter;

  constructor(
    private readonly metrics: ProcessMetrics,
    queue: JobQueue,
  ) {
    const registers = [metrics.registry];
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request to the last byte of its answer, or to the end of its connection.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    this.errors = new Counter({
      name: 'cairn_http_errors_total',
      help: 'Requests that were answered with an error, by its code.',
      labelNames: ['code'],
      registers,
    });
    const jobs = new Gauge({
      name: 'cairn_jobs',
      help: 'Jobs in the queue by state; finished jobs as long as they are kept.',
      labelNames: ['state'],
      registers,
      // While the queue is away this gauge is empty and the others are answered.
      collect: async () => {
        jobs.reset();
        const counts = await queue.counts().catch(() => undefined);
        for (const state of JOB_STATES) if (counts?.[state] !== undefined) jobs.set({ state }, counts[state]);
      },
    });
    const limit = new Gauge({ name: 'cairn_queued_jobs_limit', help: 'The most jobs that may be queued.', registers });
    limit.set(queue.limit);
    const workers = new Gauge({
      name: 'cairn_workers',
      help: 'Workers that are connected to the queue.',
      labelNames: ['engine', 'device'],
      registers,
      collect: async () => {
        workers.reset();
        const connected = await queue.workers().catch(() => []);
        for (const { engine, device } of connected) workers.inc({ engine, device });
      },
    });
  }

  /** Measures every request of a server, and shows the budget of its connections. */
  watch(server: FastifyInstance): void {
    let dropped = 0;
    server.server.on('drop', () => dropped++);
    this.metrics.add({
      name: 'http_connections',
      help: 'Connections to the API.',
      limit: server.server.maxConnections,
      inUse: () => new Promise((resolve) => server.server.getConnections((_, count) => resolve(count))),
      refused: () => dropped,
    });
    server.addHook('onRequest', (request, reply, done) => {
      const stop = this.durations.startTimer({ method: request.method });
      reply.raw.once('close', () => {
        const code = failureOf(reply.raw);
        if (code !== undefined) this.errors.inc({ code });
        // Event streams last as long as their client, streams of a batch as long as it runs.
        if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return;
        if (reply.getHeader('x-accel-buffering') === 'no') return;
        // The pattern of the route: paths contain ids. Unknown routes have no pattern.
        stop({ route: request.routeOptions.url ?? 'unknown', status: reply.raw.statusCode });
      });
      done();
    });
  }
}

@Controller('metrics')
export class MetricsController {
  constructor(@Inject(ProcessMetrics) private readonly metrics: ProcessMetrics) {}

  @Get()
  @Scope('read')
  @Operation({
    id: 'getMetrics',
    summary: 'Metrics of requests, jobs, workers, budgets and the process, for Prometheus',
    answers: {
      200: { description: 'The metrics.', content: textStream('text/plain', 'Prometheus text format.', {}) },
    },
  })
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    await reply.header('content-type', this.metrics.registry.contentType).send(await this.metrics.text());
  }
}

@Module({
  controllers: [MetricsController],
  providers: [
    {
      provide: Metrics,
      inject: [ProcessMetrics, JobQueue],
      useFactory: (metrics: ProcessMetrics, queue: JobQueue) => new Metrics(metrics, queue),
    },
  ],
})
export class MetricsModule {}
