import { Redis } from 'ioredis';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { flipBit } from '../place/flip.js';
import type { Server } from '../place/server.js';
import type { Random } from '../random.js';
import type { Ledger } from './ledger.js';
import { CLOCKS, LOCK_MS, redisFolder, type Setting } from './setting.js';

/** What a fault is done to: two at once are done to different things. */
type Target = 'api' | 'worker' | 'redis' | 'store';

export interface Fault {
  readonly name: string;
  readonly targets: readonly Target[];
  /** Whether this machine can do it. */
  readonly isPossible?: (setting: Setting) => boolean;
  /** Resolves when it is over, and all that it has ended runs again. */
  readonly strike: (setting: Setting, random: Random, ledger: Ledger) => Promise<void>;
}

const FREE_BYTES = 100_000;
const REMOUNT_AGAIN_MS = 50;

async function killWorkers({ place, start }: Setting, ledger: Ledger, victims: readonly Server[]): Promise<void> {
  ledger.workersKilled += victims.length;
  await Promise.all(victims.map((worker) => place.kill(worker)));
  for (let i = 0; i < victims.length; i++) await start('worker');
}

async function killApi({ place, start }: Setting): Promise<void> {
  for (const api of place.all('api')) await place.kill(api);
  await start('api');
}

async function frozen(server: Server, forMs: number): Promise<void> {
  server.freeze();
  await delay(forMs);
  server.thaw();
}

/** Settings of the running Redis, for a while. */
async function withRedisSetting(
  { place }: Setting,
  name: string,
  value: string,
  after: string,
  forMs: number,
): Promise<void> {
  const redis = new Redis(place.redis.url);
  redis.on('error', () => undefined);
  try {
    await redis.config('SET', name, value);
    await delay(forMs);
    await redis.config('SET', name, after);
  } finally {
    redis.disconnect();
  }
}

async function withDisk(change: () => unknown, undo: () => unknown, forMs: number): Promise<void> {
  await persist(change);
  await delay(forMs);
  await persist(undo);
}

/** A disk is busy while a file is open for writing. */
async function persist(change: () => unknown): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await change();
      return;
    } catch {
      await delay(REMOUNT_AGAIN_MS);
    }
  }
}

async function flipOne({ place }: Setting, random: Random, folder: string): Promise<string | undefined> {
  const names = (await readdir(join(place.data, folder)).catch(() => [])).filter((name) => !name.startsWith('.'));
  if (names.length === 0) return undefined;
  const name = random.pick(names);
  return (await flipBit(join(place.data, folder, name), random)) ? name : undefined;
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'a worker is killed',
    targets: ['worker'],
    strike: (setting, random, ledger) => killWorkers(setting, ledger, [random.pick(setting.place.all('worker'))]),
  },
  {
    name: 'all workers are killed',
    targets: ['worker'],
    strike: (setting, _, ledger) => killWorkers(setting, ledger, setting.place.all('worker')),
  },
  {
    name: 'a worker is frozen beyond its lock',
    targets: ['worker'],
    strike: ({ place }, random) => frozen(random.pick(place.all('worker')), LOCK_MS * random.between(1.5, 2.5)),
  },
  { name: 'the API is killed', targets: ['api'], strike: (setting) => killApi(setting) },
  {
    name: 'the API is frozen',
    targets: ['api'],
    strike: ({ place }, random) => frozen(place.all('api')[0]!, random.between(500, 4000)),
  },
  {
    name: 'Redis is killed',
    targets: ['redis'],
    strike: async ({ place }, random) => {
      await place.killRedis();
      await delay(random.between(0, 3000));
      await place.restartRedis();
    },
  },
  {
    name: 'Redis is frozen',
    targets: ['redis'],
    strike: async ({ place }, random) => {
      process.kill(place.redis.pid, 'SIGSTOP');
      await delay(random.between(500, 8000));
      process.kill(place.redis.pid, 'SIGCONT');
    },
  },
  {
    name: 'the power fails: Redis loses what it had not synced, and everything ends',
    targets: ['redis', 'api', 'worker'],
    isPossible: ({ world }) => world !== undefined,
    strike: async (setting, _, ledger) => {
      const { place, world } = setting;
      const workers = place.all('worker');
      ledger.workersKilled += workers.length;
      await place.killRedis();
      await Promise.all([...workers, ...place.all('api')].map((server) => place.kill(server)));
      await world!.cutPower('redis', redisFolder(place));
      await place.restartRedis();
      await setting.start('api');
      for (let i = 0; i < workers.length; i++) await setting.start('worker');
    },
  },
  {
    name: 'Redis loses what it had not synced',
    targets: ['redis'],
    isPossible: ({ world }) => world !== undefined,
    strike: async ({ place, world }) => {
      await place.killRedis();
      await world!.cutPower('redis', redisFolder(place));
      await place.restartRedis();
    },
  },
  {
    name: 'Redis is out of memory',
    targets: ['redis'],
    strike: (setting, random) => withRedisSetting(setting, 'maxmemory', '1mb', '0', random.between(1000, 6000)),
  },
  {
    name: 'Redis takes no writes',
    targets: ['redis'],
    strike: (setting, random) =>
      withRedisSetting(setting, 'min-replicas-to-write', '1', '0', random.between(1000, 6000)),
  },
  {
    name: 'the disk is full',
    targets: ['store'],
    isPossible: ({ disk }) => disk !== undefined,
    strike: ({ disk }, random) =>
      withDisk(
        () => disk!.shrink(FREE_BYTES),
        () => disk!.grow(),
        random.between(1000, 8000),
      ),
  },
  {
    name: 'the disk is read-only',
    targets: ['store'],
    isPossible: ({ disk }) => disk !== undefined,
    strike: ({ disk }, random) =>
      withDisk(
        () => disk!.remount('ro'),
        () => disk!.remount('rw'),
        random.between(1000, 8000),
      ),
  },
  {
    name: 'the data folder is away',
    targets: ['store'],
    // A folder on which something is mounted cannot be renamed.
    isPossible: ({ disk }) => disk === undefined,
    strike: ({ place }, random) =>
      withDisk(
        () => rename(place.data, `${place.data}-away`),
        () => rename(`${place.data}-away`, place.data),
        random.between(500, 5000),
      ),
  },
  {
    name: 'a bit of an archive flips',
    targets: ['store'],
    strike: async (setting, random, ledger) => {
      const name = await flipOne(setting, random, 'features');
      if (name !== undefined) ledger.damagedSets.add(name.replace('.zarr.zip', ''));
    },
  },
  {
    name: 'a bit of an upload flips',
    targets: ['store'],
    strike: async (setting, random, ledger) => {
      const name = await flipOne(setting, random, 'images');
      if (name !== undefined) ledger.damagedUploads.add(name);
    },
  },
  {
    name: 'a clock jumps',
    targets: [],
    isPossible: ({ world }) => world !== undefined,
    strike: async ({ world }, random) => {
      const clock = random.pick(CLOCKS);
      world!.setClock(clock, Math.round(random.between(60, 3600)) * (random.chance(0.5) ? 1 : -1));
      await delay(random.between(2000, 6000));
      world!.setClock(clock, 0);
    },
  },
];
