import { Module, type DynamicModule } from '@nestjs/common';
import { BatchesModule } from './batches/batches.module.js';
import { ExtractModule } from './extract/extract.module.js';
import { FeaturesModule } from './features/features.module.js';
import { HealthModule } from './health/health.module.js';
import { ImagesModule } from './images/images.module.js';
import { InferenceModule } from './inference/inference.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { ModelsModule } from './models/models.module.js';
import { PartsModule, type ApiParts } from './parts.module.js';
import { StreamModule } from './stream/stream.module.js';

@Module({
  imports: [
    JobsModule,
    ExtractModule,
    ImagesModule,
    BatchesModule,
    FeaturesModule,
    ModelsModule,
    StreamModule,
    InferenceModule,
    HealthModule,
    MetricsModule,
  ],
})
export class ApiModule {
  static register(parts: ApiParts, version: string): DynamicModule {
    return { module: ApiModule, imports: [PartsModule.forRoot(parts, version)] };
  }
}
