import { Module } from '@nestjs/common';
import { BatchesController } from './batches.controller.js';
import { ResultsController } from './results.controller.js';

@Module({ controllers: [BatchesController, ResultsController] })
export class BatchesModule {}
