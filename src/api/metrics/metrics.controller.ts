import { Controller, Get, Module, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { JobQueue } from '../../jobs/queue.js';
import { Operation, textStream } from '../openapi/operation.js';
import { Metrics } from './metrics.js';

@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
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
  providers: [{ provide: Metrics, inject: [JobQueue], useFactory: (queue: JobQueue) => new Metrics(queue) }],
})
export class MetricsModule {}
