import { Module } from '@nestjs/common';
import { BatchIntake } from '../../batches/intake.js';
import type { Store } from '../../features/store/store.js';
import { JobService } from '../../jobs/service.js';
import { FeaturesModule } from '../features/features.module.js';
import { ImagesModule } from '../images/images.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { STORE } from '../tokens.js';
import { BatchesController } from './batches.controller.js';
import { ResultsController } from './results.controller.js';

@Module({
  imports: [FeaturesModule, ImagesModule, JobsModule],
  controllers: [BatchesController, ResultsController],
  providers: [
    {
      provide: BatchIntake,
      inject: [STORE, JobService],
      useFactory: (store: Store, jobs: JobService) => new BatchIntake(store, jobs),
    },
  ],
})
export class BatchesModule {}
