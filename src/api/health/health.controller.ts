import { Controller, Get, Module } from '@nestjs/common';
import { z } from 'zod';
import { JobQueue } from '../../jobs/queue.js';
import { json, Operation } from '../openapi/operation.js';

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
type Health = z.infer<typeof healthSchema>;

@Controller()
export class HealthController {
  constructor(private readonly queue: JobQueue) {}

  @Get('livez')
  @Operation({
    id: 'checkLive',
    summary: 'Whether the service is alive',
    answers: { 200: json('The service is alive.', healthSchema) },
  })
  live(): Health {
    return { status: 'ok' };
  }

  @Get('readyz')
  @Operation({
    id: 'checkReady',
    summary: 'Whether jobs can be submitted',
    answers: { 200: json('The queue is available.', healthSchema) },
    refusals: { 503: 'The queue is not available.' },
  })
  async ready(): Promise<Health> {
    await this.queue.probe();
    return { status: 'ok' };
  }
}

@Module({ controllers: [HealthController] })
export class HealthModule {}
