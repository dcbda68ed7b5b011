import { Controller, Get, Module, Res } from '@nestjs/common';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Quarantine } from '../../features/store/quarantine.js';
import { JobQueue } from '../../jobs/queue.js';
import { JOB_STATES } from '../../jobs/status.js';
import { Scope } from '../auth/scope.js';
import { Operation, textStream } from '../openapi/operation.js';

/** In seconds: from responses from memory to those that wait for a network on a slow machine. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The metrics of an API process. */
export class Metrics {
  readonly registry = new Registry();
  private readonly durations: Histogram;

  constructor(queue: JobQueue, quarantine: Quarantine) {
    collectDefaultMetrics({ register: this.registry });
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request to the last byte of its answer, or to the end of its connection.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS,
      registers: [this.registry],
    });
    const jobs = new Gauge({
      name: 'cairn_jobs',
      help: 'Jobs in the queue by state; finished jobs as long as they are kept.',
      labelNames: ['state'],
      registers: [this.registry],
      // While the queue is away this gauge is empty and the others are answered.
      collect: async () => {
        jobs.reset();
        const counts = await queue.counts().catch(() => undefined);
        for (const state of JOB_STATES) if (counts?.[state] !== undefined) jobs.set({ state }, counts[state]);
      },
    });
    const workers = new Gauge({
      name: 'cairn_workers',
      help: 'Workers that are connected to the queue.',
      labelNames: ['engine', 'device'],
      registers: [this.registry],
      collect: async () => {
        workers.reset();
        const connected = await queue.workers().catch(() => []);
        for (const { engine, device } of connected) workers.inc({ engine, device });
      },
    });
    const corrupt = new Counter({
      name: 'cairn_corrupt_objects_total',
      help: 'Objects of the store that this process has found damaged.',
      labelNames: ['kind'],
      registers: [this.registry],
      collect: () => {
        corrupt.reset();
        for (const [kind, count] of quarantine.counts) corrupt.inc({ kind }, count);
      },
    });
  }

  /** Measures every request of a server. */
  watch(server: FastifyInstance): void {
    server.addHook('onRequest', (request, reply, done) => {
      const stop = this.durations.startTimer({ method: request.method });
      reply.raw.once('close', () => {
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
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @Scope('read')
  @Operation({
    id: 'getMetrics',
    summary: 'Metrics of requests, jobs, workers and the process, for Prometheus',
    answers: {
      200: { description: 'The metrics.', content: textStream('text/plain', 'Prometheus text format.', {}) },
    },
  })
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    const { registry } = this.metrics;
    await reply.header('content-type', registry.contentType).send(await registry.metrics());
  }
}

@Module({
  controllers: [MetricsController],
  providers: [
    {
      provide: Metrics,
      inject: [JobQueue, Quarantine],
      useFactory: (queue: JobQueue, quarantine: Quarantine) => new Metrics(queue, quarantine),
    },
  ],
})
export class MetricsModule {}
