import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { JobQueue } from '../../jobs/queue.js';

@ApiTags('health')
@Controller()
export class HealthController {
  constructor(@Inject(JobQueue) private readonly queue: JobQueue) {}

  @Get('livez')
  @ApiOperation({ summary: 'The process answers' })
  @ApiOkResponse({ description: 'It does' })
  live() {
    return { status: 'ok' };
  }

  @Get('readyz')
  @ApiOperation({ summary: 'Jobs can be submitted: the queue answers' })
  @ApiOkResponse({ description: 'They can' })
  @ApiServiceUnavailableResponse({ description: 'They cannot; the problem says why' })
  async ready() {
    await this.queue.ping();
    return { status: 'ok' };
  }
}
