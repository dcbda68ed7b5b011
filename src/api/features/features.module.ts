import { Module } from '@nestjs/common';
import { FeaturesController } from './features.controller.js';
import { RegionsController } from './regions.controller.js';

@Module({ controllers: [FeaturesController, RegionsController] })
export class FeaturesModule {}
