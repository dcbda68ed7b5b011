import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { extractQueue, countWaiting, type ExtractQueue } from '../../src/jobs/extract-queue.js';
import { RedisConnections } from '../../src/redis/connections.js';
import { redisKeys } from '../../src/redis/keys.js';
import type { DistinctImages } from '../distinct-images.js';
import { progress } from '../progress.js';
import { Sender } from '../sender.js';
import { median, sum } from '../statistics.js';
import { postTar, postUrls, serveDistinct, untilFinished } from './batch-load.js';
import type { CleanUp } from '../clean-up.js';
import { Cluster } from './cluster.js';
import { pin } from './cores.js';
import { measurePhase, medianPhase, type Part, type Phase, type Pids } from './phase.js';
import { RedisGauge } from './redis-gauge.js';
import { measureStore, type StoreSpeed } from './store-speed.js';

export interface CeilingOptions {
  readonly redis: { readonly url: string; readonly pid: number };
  readonly folder: string;
  readonly loads: readonly Load[];
  readonly rounds: number;
  /** The first is that of the part under load; the second has the others. Redis and this process are pinned by the caller. */
  readonly cores: readonly [number, number] | undefined;
  /** Jobs that the worker takes at once. */
  readonly concurrency: number;
}

/** What is submitted, and how. */
export interface Load {
  readonly name: string;
  readonly by: 'jobs' | 'tar' | 'urls';
  readonly images: DistinctImages;
  readonly count: number;
  /** Options of the jobs, as a query. */
  readonly query: string;
}

/** Bytes of Redis, each per image. */
export interface RedisBytes {
  /** Of a job that waits; undefined for a batch, whose lines wait in the store. */
  readonly waiting: number | undefined;
  /** Of a job or a line that has ended, for as long as it is kept. */
  readonly ended: number;
  /** Of an announcement in the stream of limited length. */
  readonly announcement: number;
}

export interface LoadResult {
  readonly name: string;
  readonly imageBytes: number;
  readonly archiveBytes: number;
  /** Intake, then work. */
  readonly phases: readonly Phase[];
  /** Undefined for loads that are too small for it. */
  readonly memory: RedisBytes | undefined;
}

export interface Ceiling {
  readonly loads: readonly LoadResult[];
  /** The store alone, with an archive of the last load. */
  readonly store: readonly StoreSpeed[];
}

const PREFIX = 'ceiling';
const CONNECTIONS = 16;
const LOOK_EVERY_MS = 50;
/** Connections come and go by some kilobytes each: fewer images would drown in that. */
const LEAST_FOR_MEMORY = 1000;
const WARM_SHARE = 0.1;
const LEAST_WARM = 20;

/** The parts by core. A worker has nothing to do during the intake. */
const ON_CORES = {
  intake: [
    ['api', 'worker'],
    ['redis', 'client'],
  ],
  work: [['worker'], ['api', 'redis', 'client']],
} as const satisfies Record<string, readonly (readonly Part[])[]>;
type PhaseName = keyof typeof ON_CORES;

/**
 * The API, the queue, a worker without a network and the store under loads: first all images are taken in while the queue
 * is paused, then they are worked on. So each phase shows one of the two sides, on few cores as well.
 */
export async function measureCeiling(options: CeilingOptions, cleanUp: CleanUp): Promise<Ceiling> {
  const { redis, folder, loads, rounds, cores, concurrency } = options;
  progress('ceiling: starting the API and a worker whose network is replaced by ready levels');
  const cluster = await Cluster.start(
    {
      redisUrl: redis.url,
      folder: join(folder, PREFIX),
      prefix: PREFIX,
      workers: [{ threads: 1, core: cores?.[0] }],
      apiCore: cores?.[0],
      workerMain: 'dist/bench/scale/null-worker.js',
      workerEnv: { CAIRN_CONCURRENCY: String(concurrency) },
    },
    cleanUp,
  );
  const connections = new RedisConnections(redis.url);
  const connection = connections.patient();
  const queue = extractQueue(connection, PREFIX);
  const { announcements } = redisKeys(PREFIX);
  const gauge = new RedisGauge(connection, { announcements: announcements.stream, events: queue.toKey('events') });
  const sender = new Sender(cluster.api.url, CONNECTIONS);
  cleanUp.add(async () => {
    sender.close();
    connections.close();
    await Promise.resolve();
  });
  const pids = {
    api: [cluster.api.pid],
    worker: cluster.workers.map(({ pid }) => pid),
    redis: [redis.pid],
    client: [process.pid],
  };
  const runs = loads.map((load) => new LoadRun(load, { cluster, queue, gauge, sender, pids, cores }));
  for (const run of runs) {
    progress(`ceiling: warming up ${run.load.name}`);
    await run.warmUp();
  }
  let archive: Buffer | undefined;
  for (let round = 1; round <= rounds; round++) {
    for (const run of runs) {
      await run.measure();
      const rates = run.results.at(-1)!.phases.map((phase) => `${phase.name} ${phase.perSecond.toFixed(1)}`);
      progress(`ceiling: round ${round} of ${rounds}, ${run.load.name}: images/s: ${rates.join(', ')}`);
      if (round === rounds && run === runs.at(-1)) archive = await readOne(cluster.features);
      await cluster.deleteImages();
    }
  }
  progress('ceiling: the store alone');
  return {
    loads: runs.map((run) => run.result()),
    store: await measureStore(join(folder, 'store'), archive!),
  };
}

interface LoadParts {
  readonly cluster: Cluster;
  readonly queue: ExtractQueue;
  readonly gauge: RedisGauge;
  readonly sender: Sender;
  readonly pids: Pids;
  readonly cores: readonly [number, number] | undefined;
}

/** One load, and what was measured under it. */
class LoadRun {
  readonly results: LoadResult[] = [];

  constructor(
    readonly load: Load,
    private readonly parts: LoadParts,
  ) {}

  /** Compiles what is compiled on first use, and makes the levels that the worker answers with. */
  async warmUp(): Promise<void> {
    await this.work(Math.max(LEAST_WARM, Math.round(WARM_SHARE * this.load.count)));
    await this.parts.cluster.deleteImages();
  }

  async measure(): Promise<void> {
    this.results.push(await this.work(this.load.count));
  }

  /** Medians of the rounds. */
  result(): LoadResult {
    const [first] = this.results as [LoadResult];
    const of = (figure: (memory: RedisBytes) => number) =>
      median(this.results.flatMap(({ memory }) => (memory ? [figure(memory)] : [])));
    return {
      ...first,
      phases: first.phases.map((_, index) => medianPhase(this.results.map(({ phases }) => phases[index]!))),
      memory: first.memory && {
        waiting: first.memory.waiting === undefined ? undefined : of(({ waiting }) => waiting!),
        ended: of(({ ended }) => ended),
        announcement: of(({ announcement }) => announcement),
      },
    };
  }

  private async work(count: number): Promise<LoadResult> {
    const { gauge, cluster } = this.parts;
    const before = await gauge.memory();
    const { phases, waiting, batch } = this.load.by === 'jobs' ? await this.jobs(count) : await this.batch(count);
    const after = await gauge.memory();
    const bytes = (from: { rest: number }, to: { rest: number }) => (to.rest - from.rest) / count;
    return {
      name: this.load.name,
      imageBytes: this.load.images.bytes,
      archiveBytes: await meanSize(cluster.features),
      phases,
      memory:
        count < LEAST_FOR_MEMORY
          ? undefined
          : {
              waiting: waiting && bytes(before, waiting),
              // What a batch leaves are three keys, which can be asked for: a line is too small for a difference.
              ended: batch === undefined ? bytes(before, after) : (await this.sizeOf(batch)) / count,
              announcement: (after.announcements - before.announcements) / count,
            },
    };
  }

  private async jobs(count: number) {
    const { queue, sender, gauge } = this.parts;
    const { images, query } = this.load;
    const failedBefore = await queue.getFailedCount();
    await queue.pause();
    const intake = await this.phase('intake', count, async () => {
      await sender.each(count, () => sender.post(`/v1/jobs?${query}`, images.type, images.next()));
      return undefined;
    });
    const waiting = await gauge.memory();
    const work = await this.phase('work', count, async () => {
      await queue.resume();
      while ((await countWaiting(queue)) + (await queue.getActiveCount()) > 0) await delay(LOOK_EVERY_MS);
      return undefined;
    });
    const failed = (await queue.getFailedCount()) - failedBefore;
    if (failed > 0) throw new Error(`${failed} of ${count} jobs failed.`);
    return { phases: [intake, work], waiting, batch: undefined };
  }

  private async batch(count: number) {
    const { cluster } = this.parts;
    const { images, query, by } = this.load;
    const server = by === 'urls' ? await serveDistinct(images) : undefined;
    try {
      const url = `${cluster.api.url}/v1/batches?${query}`;
      let id = '';
      const intake = await this.phase('intake', count, async () => {
        id = await (server ? postUrls(url, server.url, count) : postTar(url, images, count));
        return undefined;
      });
      const work = await this.phase('work', count, () => untilFinished(`${cluster.api.url}/v1/batches/${id}`, count));
      return { phases: [intake, work], waiting: undefined, batch: id };
    } finally {
      server?.close();
    }
  }

  private async sizeOf(batch: string): Promise<number> {
    const keys = Object.values(redisKeys(PREFIX).batch(batch));
    return sum(await Promise.all(keys.map((key) => this.parts.gauge.size(key))));
  }

  private phase(name: PhaseName, count: number, work: () => Promise<number | undefined>): Promise<Phase> {
    const { pids, gauge: redis, cores, cluster } = this.parts;
    if (cores) pin(cluster.api.pid, cores[name === 'intake' ? 0 : 1]);
    return measurePhase(name, count, { pids, redis, onCores: cores && ON_CORES[name] }, work);
  }
}

async function meanSize(folder: string): Promise<number> {
  const names = await readdir(folder);
  return sum(await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))) / names.length;
}

async function readOne(folder: string): Promise<Buffer> {
  const [name] = await readdir(folder);
  return readFile(join(folder, name!));
}
