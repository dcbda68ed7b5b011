import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { describeModel } from '../../backbone/describe-model.js';
import { parseSpec } from '../../spec/feature-spec.js';
import { DEFAULT_MODEL, listModels, type Model } from '../../backbone/catalogue.js';
import { isSeeded } from '../../backbone/weights/weights.js';
import { CairnError } from '../../errors.js';
import { JobQueue } from '../../jobs/queue.js';
import { ModelRegistry } from '../../spec/resolve.js';

const SIZE = { name: 'size', required: false, description: 'side of the canvas in pixels', example: 1024 };

@ApiTags('models')
@Controller('v1/models')
export class ModelsController {
  constructor(
    @Inject(ModelRegistry) private readonly registry: ModelRegistry,
    @Inject(JobQueue) private readonly queue: JobQueue,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The catalogue: levels, channels, strides, parameters and multiply-adds of every model' })
  @ApiQuery(SIZE)
  @ApiOkResponse({ description: 'The models, whether weights are there for them, and who works (null: not known)' })
  async list(@Query('size') size?: string) {
    const { size: side } = parseSpec({ size });
    const [models, workers] = await Promise.all([
      Promise.all(listModels().map((model) => this.describe(model, side))),
      // The catalogue is there without a queue.
      this.queue.workers().catch(() => null),
    ]);
    return { models, workers };
  }

  @Get(':name')
  @ApiOperation({ summary: 'One model, with the digest of the weights it runs on' })
  @ApiParam({ name: 'name', example: DEFAULT_MODEL })
  @ApiQuery(SIZE)
  @ApiOkResponse({ description: 'The model' })
  async get(@Param('name') name: string, @Query('size') size?: string) {
    const { size: side } = parseSpec({ size });
    const model = listModels().find((entry) => entry.name === name);
    if (!model) throw new CairnError('model-not-found', `There is no model "${name}"; GET /v1/models lists them.`);
    const { weightsDigest } = await this.registry.resolve(parseSpec({ model: name, levels: ['C5'] }));
    return { ...(await this.describe(model, side)), weightsDigest };
  }

  private async describe(model: Model, size: number) {
    const weights = await this.registry.source(model.name);
    return {
      ...describeModel(model, true, size),
      default: model.name === DEFAULT_MODEL,
      weights,
      weightsPresent: !isSeeded(weights),
    };
  }
}
