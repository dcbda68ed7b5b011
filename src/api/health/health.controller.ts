import { Controller, Get, Module } from '@nestjs/common';
import { z } from 'zod';
import { StoreHealth } from '../../features/store/store-health.js';
import { JobQueue } from '../../jobs/queue.js';
import { WithoutKey } from '../auth/scope.js';
import { json, Operation } from '../openapi/operation.js';

const healthSchema = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
type Health = z.infer<typeof healthSchema>;

@Controller()
export class HealthController {
  constructor(
    private readonly queue: JobQueue,
    private readonly store: StoreHealth,
  ) {}

  @Get('livez')
  @WithoutKey()
  @Operation({
    id: 'checkLive',
    summary: 'Whether the service is alive',
    answers: { 200: json('The service is alive.', healthSchema) },
  })
  live(): Health {
    return { status: 'ok' };
  }

  @Get('readyz')
  @WithoutKey()
  @Operation({
    id: 'checkReady',
    summary: 'Whether jobs can be submitted',
    answers: { 200: json('The queue and the store can be written to.', healthSchema) },
    refusals: { 503: 'The queue or the store is not available.', 507: 'The store is full.' },
  })
  async ready(): Promise<Health> {
    await this.queue.probe();
    await this.store.demand();
    return { status: 'ok' };
  }
}

@Module({ controllers: [HealthController] })
export class HealthModule {}
