import { Module } from '@nestjs/common';
import { FeaturesModule } from '../features/features.module.js';
import { ImagesModule } from '../images/images.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { InferenceController } from './inference.controller.js';
import { ProtocolController } from './protocol.controller.js';

@Module({
  imports: [FeaturesModule, ImagesModule, JobsModule],
  controllers: [ProtocolController, InferenceController],
})
export class InferenceModule {}
