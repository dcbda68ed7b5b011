import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../ask.js';
import type { Place } from '../place/place.js';

/** What is measured of a process; what it does not offer is NaN. */
export interface Sample {
  readonly minutes: number;
  readonly rssMb: number;
  readonly descriptors: number;
  readonly handles: number;
  readonly loopP99Ms: number;
}

export interface RedisSample {
  readonly minutes: number;
  readonly usedMb: number;
  readonly rssMb: number;
}

/** Looks at every process at equal intervals. */
export class Sampler {
  /** By the names of the processes. */
  readonly samples = new Map<string, Sample[]>();
  readonly redis: RedisSample[] = [];
  private readonly over = new AbortController();
  private readonly running: Promise<void>;
  private readonly begun = Date.now();

  constructor(
    private readonly place: Place,
    everyMs: number,
  ) {
    this.running = this.run(everyMs);
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.running;
  }

  private async run(everyMs: number): Promise<void> {
    const redis = new Redis(this.place.redis.url);
    redis.on('error', () => undefined);
    const { signal } = this.over;
    try {
      while (!signal.aborted) {
        const minutes = (Date.now() - this.begun) / 60_000;
        for (const server of this.place.servers) {
          const metrics = server.url === '' ? '' : ((await ask(server.url, '/metrics'))?.body.toString() ?? '');
          const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1] ?? NaN);
          const sample: Sample = {
            minutes,
            rssMb: await server.memoryMb('VmRSS'),
            descriptors: await server.descriptors().catch(() => NaN),
            handles: value('nodejs_active_handles_total'),
            loopP99Ms: 1000 * value('nodejs_eventloop_lag_p99_seconds'),
          };
          this.samples.set(server.name, [...(this.samples.get(server.name) ?? []), sample]);
        }
        const info = await redis.info('memory').catch(() => '');
        const mb = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? NaN) / 2 ** 20;
        this.redis.push({ minutes, usedMb: mb('used_memory'), rssMb: mb('used_memory_rss') });
        await delay(everyMs, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      redis.disconnect();
    }
  }
}
