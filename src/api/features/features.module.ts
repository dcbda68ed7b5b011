import { Module } from '@nestjs/common';
import { FeatureLibrary } from '../../features/library.js';
import type { Store } from '../../features/store/store.js';
import type { Zstd } from '../../formats/zstd.js';
import { STORE, ZSTD } from '../tokens.js';
import { FeaturesController } from './features.controller.js';
import { RegionsController } from './regions.controller.js';

@Module({
  controllers: [FeaturesController, RegionsController],
  providers: [
    {
      provide: FeatureLibrary,
      inject: [STORE, ZSTD],
      useFactory: (store: Store, zstd: Zstd) => new FeatureLibrary(store, zstd),
    },
  ],
  exports: [FeatureLibrary],
})
export class FeaturesModule {}
