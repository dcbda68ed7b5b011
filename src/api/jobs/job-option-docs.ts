import { applyDecorators } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { PRIORITY_NAMES } from '../../jobs/priorities.js';

/** What OpenAPI tells of the options of a job in a query. */
export function JobOptionQueries(): MethodDecorator {
  return applyDecorators(
    ApiQuery({ name: 'model', required: false, example: 'mask-rcnn-resnet50' }),
    ApiQuery({ name: 'levels', required: false, example: 'C2,C3,C4,C5' }),
    ApiQuery({ name: 'dtype', required: false, enum: ['float16', 'float32'] }),
    ApiQuery({ name: 'precision', required: false, enum: ['float32', 'float16'] }),
    ApiQuery({ name: 'size', required: false, example: 1024, description: 'side of the canvas, a multiple of 32' }),
    ApiQuery({ name: 'stage5', required: false, enum: ['true', 'false'] }),
    ApiQuery({ name: 'priority', required: false, enum: [...PRIORITY_NAMES] }),
  );
}
