import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { join } from 'node:path';
import { startPrivateRedis, type PrivateRedis } from '../../../scripts/redis.mjs';
import { endOf, ENDED_WELL, startService, temporaryFolder, type Service } from './service.js';

export interface UseServiceOptions {
  /** What each service gets besides; `start` may override it. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestServices {
  readonly redis: PrivateRedis;
  /** The folder of the services' store. */
  readonly data: string;
  /** Starts a service that is ended with the test, or with the file. */
  readonly start: (role: 'api' | 'worker' | 'all', env?: Record<string, string>) => Promise<Service>;
  /** Stops Redis and starts it again at the same port, with the data that it has kept. */
  readonly restartRedis: (downtime?: () => Promise<void>) => Promise<void>;
}

/** A Redis that keeps its data, and a store, for each test; services that a test leaves running are killed. */
export function useService(options?: UseServiceOptions): TestServices {
  const { services, open, close } = workplace({ persistent: true, ...options });
  beforeEach(open);
  afterEach(() => close('SIGKILL'));
  return services;
}

/** One Redis and one store for all tests of a file; its services must end by themselves when they are stopped. */
export function useSharedService(options?: UseServiceOptions): TestServices {
  const { services, open, close } = workplace({ persistent: false, ...options });
  beforeAll(open);
  afterAll(async () => {
    for (const end of await close('SIGTERM')) expect(end).toEqual(ENDED_WELL);
  });
  return services;
}

function workplace({ persistent, env }: UseServiceOptions & { readonly persistent: boolean }) {
  let redis: PrivateRedis;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let started: Service[];
  const startRedis = async (port?: number) => {
    const dataDir = persistent ? { dataDir: join(folder.path, 'redis') } : {};
    redis = await startPrivateRedis({ ...dataDir, ...(port !== undefined && { port }) });
  };
  const services: TestServices = {
    get redis() {
      return redis;
    },
    get data() {
      return join(folder.path, 'data');
    },
    async start(role, further) {
      const service = await startService(role, {
        REDIS_URL: redis.url,
        CAIRN_DATA_DIR: services.data,
        ...env,
        ...further,
      });
      started.push(service);
      return service;
    },
    async restartRedis(downtime) {
      const { port } = redis;
      await redis.stop();
      await downtime?.();
      await startRedis(port);
    },
  };
  const open = async () => {
    started = [];
    folder = await temporaryFolder();
    await startRedis();
  };
  const close = async (signal: NodeJS.Signals) => {
    const ends = await Promise.all(started.map((service) => endOf(service, signal)));
    await redis.stop();
    await folder.remove();
    return ends;
  };
  return { services, open, close };
}
