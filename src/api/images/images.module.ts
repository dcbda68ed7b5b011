import { Module } from '@nestjs/common';
import type { Store } from '../../features/store/store.js';
import { ImageIntake, type IntakeLimits } from '../../images/intake.js';
import { INTAKE_LIMITS, STORE } from '../tokens.js';
import { ImagesController } from './images.controller.js';

@Module({
  controllers: [ImagesController],
  providers: [
    {
      provide: ImageIntake,
      inject: [STORE, INTAKE_LIMITS],
      useFactory: (store: Store, limits: IntakeLimits) => new ImageIntake(store, limits),
    },
  ],
  exports: [ImageIntake],
})
export class ImagesModule {}
