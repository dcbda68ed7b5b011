import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { describeModel } from '../../backbone/describe-model.js';
import { parseFeatureOptions } from '../../backbone/feature-request.js';
import { DEFAULT_MODEL, listModels } from '../../backbone/models.js';
import { ModelRegistry } from './model-registry.js';

@ApiTags('models')
@Controller('v1/models')
export class ModelsController {
  constructor(@Inject(ModelRegistry) private readonly registry: ModelRegistry) {}

  @Get()
  @ApiOperation({ summary: 'The catalogue: levels, strides, parameters, multiply-adds and weights of every model' })
  @ApiQuery({ name: 'size', required: false, description: 'side of the canvas in pixels', example: 1024 })
  @ApiOkResponse({ description: 'The models' })
  async list(@Query('size') size?: string) {
    const { size: side } = parseFeatureOptions({ size });
    const models = listModels().map(async (model) => {
      const { weights, digest } = await this.registry.weights(model.name, true);
      return {
        ...describeModel(model, true, side),
        default: model.name === DEFAULT_MODEL,
        weights,
        weightsDigest: digest,
      };
    });
    return { models: await Promise.all(models) };
  }
}
