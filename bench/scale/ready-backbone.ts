import { Backbone, type BackboneOptions } from '../../src/backbone/backbone.js';
import type { WorkerBackbone } from '../../src/start/start-worker.js';

type Run = WorkerBackbone['run'];

/** Runs the network for the first image of each kind of request, and answers all others with the levels of that image. */
export class ReadyBackbone implements WorkerBackbone {
  readonly maxBatch: number;
  private readonly network: Backbone;
  private readonly ready = new Map<string, ReturnType<Run>>();

  constructor(options: BackboneOptions) {
    this.network = new Backbone(options);
    this.maxBatch = this.network.maxBatch;
  }

  run(...[request, canvas]: Parameters<Run>): ReturnType<Run> {
    const key = JSON.stringify(request);
    let levels = this.ready.get(key);
    if (!levels) this.ready.set(key, (levels = this.network.run(request, canvas)));
    return levels;
  }

  load(...[request]: Parameters<WorkerBackbone['load']>): ReturnType<WorkerBackbone['load']> {
    return this.network.load(request);
  }

  target(): ReturnType<WorkerBackbone['target']> {
    return this.network.target();
  }

  close(): Promise<void> {
    return this.network.close();
  }
}
