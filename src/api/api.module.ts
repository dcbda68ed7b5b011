import { Module, type DynamicModule } from '@nestjs/common';
import type { Store } from '../features/store/store.js';
import type { Zstd } from '../formats/zstd.js';
import { BatchQueue } from '../batches/queue.js';
import { Announcements } from '../announcements/announcements.js';
import { JobEvents } from '../jobs/events.js';
import { JobQueue } from '../jobs/queue.js';
import { JobWaiter } from '../jobs/waiter.js';
import { ExtractController } from './extract/extract.controller.js';
import { BatchIntake } from '../batches/intake.js';
import { BatchesController } from './batches/batches.controller.js';
import { ResultsController } from './batches/results.controller.js';
import { FeatureLibrary } from '../features/library.js';
import { FeaturesController } from './features/features.controller.js';
import { RegionsController } from './features/regions.controller.js';
import { HealthController } from './health/health.controller.js';
import { ImagesController } from './images/images.controller.js';
import { InferenceController } from './inference/inference.controller.js';
import { ProtocolController, SERVER_VERSION } from './inference/protocol.controller.js';
import { ImageIntake, type IntakeLimits } from '../images/intake.js';
import { JobService } from '../jobs/service.js';
import { STORE } from './tokens.js';
import { JobsController } from './jobs/jobs.controller.js';
import { Metrics } from './metrics/metrics.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { ModelRegistry } from '../spec/resolve.js';
import { ModelsController } from './models/models.controller.js';
import { GroupsController } from './stream/groups.controller.js';
import { StreamController } from './stream/stream.controller.js';

/** What the API works with; whoever makes these also closes them. */
export interface ApiParts {
  readonly store: Store;
  readonly zstd: Zstd;
  readonly queue: JobQueue;
  readonly batches: BatchQueue;
  readonly events: JobEvents;
  readonly announcements: Announcements;
  readonly registry: ModelRegistry;
  readonly limits: IntakeLimits;
}

@Module({})
export class ApiModule {
  static register(
    { store, zstd, queue, batches, events, announcements, registry, limits }: ApiParts,
    version: string,
  ): DynamicModule {
    const library = new FeatureLibrary(store, zstd);
    const waiter = new JobWaiter(queue, events);
    const jobs = new JobService(queue, waiter, library, registry);
    const intake = new ImageIntake(store, limits);
    return {
      module: ApiModule,
      controllers: [
        JobsController,
        ExtractController,
        ImagesController,
        BatchesController,
        ResultsController,
        FeaturesController,
        RegionsController,
        ModelsController,
        StreamController,
        GroupsController,
        HealthController,
        MetricsController,
        ProtocolController,
        InferenceController,
      ],
      providers: [
        { provide: JobQueue, useValue: queue },
        { provide: BatchQueue, useValue: batches },
        { provide: JobEvents, useValue: events },
        { provide: Announcements, useValue: announcements },
        { provide: Metrics, useValue: new Metrics(queue) },
        { provide: ModelRegistry, useValue: registry },
        { provide: FeatureLibrary, useValue: library },
        { provide: ImageIntake, useValue: intake },
        { provide: STORE, useValue: store },
        { provide: BatchIntake, useValue: new BatchIntake(store, jobs) },
        { provide: JobService, useValue: jobs },
        { provide: SERVER_VERSION, useValue: version },
      ],
    };
  }
}
