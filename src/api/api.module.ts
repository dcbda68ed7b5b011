import { Global, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Announcements } from '../announcements/announcements.js';
import { BatchIntake, type BatchLimits } from '../batches/intake.js';
import { BatchQueue } from '../batches/queue.js';
import { BandBudget, type BandBudgetOptions } from '../features/band-budget.js';
import { PIECES_IN_WORK } from '../features/band-stream.js';
import { FeatureLibrary } from '../features/library.js';
import { REGION_BANDS } from '../features/roi-align/band-cache.js';
import { Quarantine } from '../features/store/quarantine.js';
import { StoreHealth } from '../features/store/store-health.js';
import type { Store } from '../features/store/store.js';
import type { Zstd } from '../formats/zstd.js';
import { ImageIntake, type IntakeLimits } from '../images/intake.js';
import { JobEvents } from '../jobs/events.js';
import { JobQueue } from '../jobs/queue.js';
import { JobService } from '../jobs/service.js';
import { JobWaiter } from '../jobs/waiter.js';
import { ProcessMetrics, type Budget } from '../metrics/process-metrics.js';
import { ModelRegistry } from '../spec/resolve.js';
import type { SpecLimits } from '../spec/spec-limits.js';
import { Audit } from './auth/audit.js';
import type { KeyAccess } from './auth/quota-guard.js';
import { BatchesModule } from './batches/batches.module.js';
import { ExtractModule } from './extract/extract.controller.js';
import { FeaturesModule } from './features/features.controller.js';
import { HealthModule } from './health/health.controller.js';
import { ByteBudget } from './http/byte-budget.js';
import type { HttpLimits } from './http/limits.js';
import { ImagesModule } from './images/images.controller.js';
import { InferenceModule } from './inference/inference.module.js';
import { JobsModule } from './jobs/jobs.controller.js';
import { MetricsModule } from './metrics/metrics.controller.js';
import { ModelsModule } from './models/models.controller.js';
import { StreamModule } from './stream/stream.controller.js';
import { HTTP_LIMITS, REDIRECT, REGION_STREAMS, SERVER_VERSION, STORE } from './tokens.js';

/** The parts that the API works with. The caller creates them, and closes them in the order that it needs. */
export interface ApiParts {
  readonly store: Store;
  readonly quarantine: Quarantine;
  readonly health: StoreHealth;
  readonly metrics: ProcessMetrics;
  readonly zstd: Zstd;
  readonly queue: JobQueue;
  readonly batches: BatchQueue;
  readonly events: JobEvents;
  readonly announcements: Announcements;
  readonly registry: ModelRegistry;
  readonly limits: IntakeLimits & SpecLimits & BatchLimits;
  readonly http: HttpLimits;
  /** Without it everybody may do everything. */
  readonly access?: KeyAccess | undefined;
  /** Whether clients are sent to the store for archives, where it has URLs. */
  readonly redirect: boolean;
}

/** The resources, and the parts and services that any of them may inject. */
@Global()
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
  static register(parts: ApiParts, version: string, audit: Audit): DynamicModule {
    const { store, quarantine, health, metrics, zstd, queue, batches, events, announcements, registry } = parts;
    const { limits, http, redirect } = parts;
    const library = new FeatureLibrary(store, zstd, quarantine);
    const jobs = new JobService(queue, new JobWaiter(queue, events), library, registry, health, limits);
    const memory = new ByteBudget(http.inferenceBytes, 'inference requests');
    const levels = new BandBudget(featureStreams(http));
    const regions = new BandBudget(REGION_BANDS);
    metrics.add({
      ...budgetOf('inference_memory', memory, 'Memory for inference requests that are being read.'),
      unit: 'bytes',
    });
    metrics.add(budgetOf('feature_streams', levels, 'Responses with levels that are being sent.'));
    metrics.add(budgetOf('region_streams', regions, 'Responses with regions that are being sent.'));
    const providers: Provider[] = [
      { provide: HTTP_LIMITS, useValue: http },
      { provide: Audit, useValue: audit },
      { provide: ByteBudget, useValue: memory },
      { provide: BandBudget, useValue: levels },
      { provide: REGION_STREAMS, useValue: regions },
      { provide: ProcessMetrics, useValue: metrics },
      { provide: STORE, useValue: store },
      { provide: REDIRECT, useValue: redirect },
      { provide: SERVER_VERSION, useValue: version },
      { provide: Quarantine, useValue: quarantine },
      { provide: StoreHealth, useValue: health },
      { provide: JobQueue, useValue: queue },
      { provide: BatchQueue, useValue: batches },
      { provide: JobEvents, useValue: events },
      { provide: Announcements, useValue: announcements },
      { provide: ModelRegistry, useValue: registry },
      { provide: FeatureLibrary, useValue: library },
      { provide: JobService, useValue: jobs },
      { provide: ImageIntake, useValue: new ImageIntake(store, limits) },
      { provide: BatchIntake, useValue: new BatchIntake(store, jobs, limits) },
    ];
    return { module: ApiModule, providers, exports: providers };
  }
}

function budgetOf(name: string, budget: ByteBudget | BandBudget, help: string): Budget {
  return { name, help, limit: budget.limit, inUse: () => budget.inUse, refused: () => budget.refused };
}

function featureStreams({ maxFeatureStreams, featureStreamBands }: HttpLimits): BandBudgetOptions {
  const [readers, bands] = [maxFeatureStreams, featureStreamBands];
  return { readers, bands, each: PIECES_IN_WORK, what: 'requests for levels' };
}
