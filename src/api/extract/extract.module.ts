import { Module } from '@nestjs/common';
import { FeaturesModule } from '../features/features.module.js';
import { ImagesModule } from '../images/images.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { ExtractController } from './extract.controller.js';

@Module({ imports: [FeaturesModule, ImagesModule, JobsModule], controllers: [ExtractController] })
export class ExtractModule {}
