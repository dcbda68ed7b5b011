import { Module } from '@nestjs/common';
import { JobQueue } from '../../jobs/queue.js';
import { Metrics } from './metrics.js';
import { MetricsController } from './metrics.controller.js';

@Module({
  controllers: [MetricsController],
  providers: [{ provide: Metrics, inject: [JobQueue], useFactory: (queue: JobQueue) => new Metrics(queue) }],
})
export class MetricsModule {}
