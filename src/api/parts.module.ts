import { Global, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Announcements } from '../announcements/announcements.js';
import { BatchQueue } from '../batches/queue.js';
import type { Store } from '../features/store/store.js';
import type { Zstd } from '../formats/zstd.js';
import type { IntakeLimits } from '../images/intake.js';
import { JobEvents } from '../jobs/events.js';
import { JobQueue } from '../jobs/queue.js';
import { ModelRegistry } from '../spec/resolve.js';
import { INTAKE_LIMITS, SERVER_VERSION, STORE, ZSTD } from './tokens.js';

/** What the API works with. The caller makes these, and closes them in the order that it needs. */
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

/** The connections and settings that every module may inject. */
@Global()
@Module({})
export class PartsModule {
  static forRoot(parts: ApiParts, version: string): DynamicModule {
    const providers: Provider[] = [
      { provide: STORE, useValue: parts.store },
      { provide: ZSTD, useValue: parts.zstd },
      { provide: INTAKE_LIMITS, useValue: parts.limits },
      { provide: SERVER_VERSION, useValue: version },
      { provide: JobQueue, useValue: parts.queue },
      { provide: BatchQueue, useValue: parts.batches },
      { provide: JobEvents, useValue: parts.events },
      { provide: Announcements, useValue: parts.announcements },
      { provide: ModelRegistry, useValue: parts.registry },
    ];
    return { module: PartsModule, providers, exports: providers };
  }
}
