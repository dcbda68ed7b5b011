import { Module } from '@nestjs/common';
import { GroupsController } from './groups.controller.js';
import { StreamController } from './stream.controller.js';

@Module({ controllers: [StreamController, GroupsController] })
export class StreamModule {}
