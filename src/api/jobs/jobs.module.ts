import { Module } from '@nestjs/common';
import { FeatureLibrary } from '../../features/library.js';
import { JobEvents } from '../../jobs/events.js';
import { JobQueue } from '../../jobs/queue.js';
import { JobService } from '../../jobs/service.js';
import { JobWaiter } from '../../jobs/waiter.js';
import { ModelRegistry } from '../../spec/resolve.js';
import { FeaturesModule } from '../features/features.module.js';
import { ImagesModule } from '../images/images.module.js';
import { JobsController } from './jobs.controller.js';

@Module({
  imports: [FeaturesModule, ImagesModule],
  controllers: [JobsController],
  providers: [
    {
      provide: JobService,
      inject: [JobQueue, JobEvents, FeatureLibrary, ModelRegistry],
      useFactory: (queue: JobQueue, events: JobEvents, library: FeatureLibrary, registry: ModelRegistry) =>
        new JobService(queue, new JobWaiter(queue, events), library, registry),
    },
  ],
  exports: [JobService],
})
export class JobsModule {}
