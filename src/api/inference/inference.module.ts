import { Module } from '@nestjs/common';
import { InferenceController } from './inference.controller.js';
import { ProtocolController } from './protocol.controller.js';

@Module({ controllers: [ProtocolController, InferenceController] })
export class InferenceModule {}
