import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { JOB_STATES } from '../../jobs/status.js';
import type { JobQueue } from '../../jobs/queue.js';

/** From an answer out of memory to one that waited for a network on a slow machine. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What a running API tells Prometheus. */
export class Metrics {
  readonly registry = new Registry();
  private readonly durations: Histogram;

  constructor(queue: JobQueue) {
    collectDefaultMetrics({ register: this.registry });
    this.durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'From the request to the last byte of its answer, or to the end of its connection.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS,
      registers: [this.registry],
    });
    const jobs = new Gauge({
      name: 'cairn_jobs',
      help: 'Jobs that the queue holds, by state; finished ones for as long as they are kept.',
      labelNames: ['state'],
      registers: [this.registry],
      // Without a queue the gauge is left out, not the answer.
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
  }

  /** Counts every request of a server from now on. */
  watch(server: FastifyInstance): void {
    server.addHook('onRequest', (request, reply, done) => {
      const stop = this.durations.startTimer({ method: request.method });
      reply.raw.once('close', () => {
        // Streams of events last as long as somebody listens, those of a batch as long as it runs.
        if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return;
        if (reply.getHeader('x-accel-buffering') === 'no') return;
        // Paths carry ids; their patterns do not. What leads nowhere has none.
        stop({ route: request.routeOptions.url ?? 'unknown', status: reply.raw.statusCode });
      });
      done();
    });
  }
}
