import type { Redis } from 'ioredis';

/** Reads figures of a Redis server. */
export class RedisGauge {
  constructor(
    private readonly redis: Redis,
    /** Streams whose length is limited: what they hold does not grow with the jobs. */
    private readonly bounded: { readonly announcements: string; readonly events: string },
  ) {}

  /** Bytes that it has received and sent since it started. */
  async traffic(): Promise<{ received: number; sent: number }> {
    const info = await this.redis.info('stats');
    return { received: field(info, 'total_net_input_bytes'), sent: field(info, 'total_net_output_bytes') };
  }

  /** Bytes in use without the streams of limited length, and those of these streams. */
  async memory(): Promise<{ rest: number; announcements: number; events: number }> {
    const used = field(await this.redis.info('memory'), 'used_memory');
    const [announcements, events] = await Promise.all([
      this.size(this.bounded.announcements),
      this.size(this.bounded.events),
    ]);
    return { rest: used - announcements - events, announcements, events };
  }

  /** Bytes of one key and its value; 0 where there is none. */
  async size(key: string): Promise<number> {
    // All elements: by default Redis extrapolates from five.
    return (await this.redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0;
  }
}

function field(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)![1]);
}
