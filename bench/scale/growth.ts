import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DistinctImages } from '../distinct-images.js';
import { progress } from '../progress.js';
import { Sender } from '../sender.js';
import { median, sum } from '../statistics.js';
import type { CleanUp } from '../clean-up.js';
import { Cluster, type WorkerPlan } from './cluster.js';
import { processorTime } from './processor-time.js';

export interface GrowthOptions {
  readonly redisUrl: string;
  /** Data of the clusters. */
  readonly folder: string;
  /** Options of the jobs, as a query. */
  readonly query: string;
  /** Taken in turn. */
  readonly photos: readonly DistinctImages[];
  /** Images that count, per variant and round. */
  readonly images: number;
  readonly rounds: number;
  /** Two cores; undefined where processes cannot be restricted to cores. */
  readonly cores: readonly [number, number] | undefined;
}

export interface GrowthVariant {
  readonly name: string;
  readonly perSecond: number;
  /** One value per round. */
  readonly rounds: readonly number[];
  /** Processor time of all workers of the variant, per image. */
  readonly workerSeconds: number;
  /** Images/s over twice those of the variant that it is the double of. */
  readonly efficiency?: number;
  readonly twice?: string;
}

export interface Growth {
  readonly variants: readonly GrowthVariant[];
  /** Mean size of an archive. */
  readonly archiveBytes: number;
}

/** Workers take this many jobs at once: see `CAIRN_CONCURRENCY`. */
const JOBS_PER_WORKER = 3;
const LOOK_EVERY_MS = 100;
const CONNECTIONS = 4;

interface Variant {
  readonly name: string;
  readonly workers: readonly WorkerPlan[];
  /** The variant with half as much. */
  readonly half?: string;
}

/**
 * Images per second with twice the workers and with twice the threads. Every variant is a cluster of its own that waits
 * while the others are measured, so that all are warm; they take turns, once in each round.
 */
export async function measureGrowth(options: GrowthOptions, cleanUp: CleanUp): Promise<Growth> {
  const { folder, redisUrl, rounds, cores } = options;
  const variants = variantsOn(cores);
  const runs: Run[] = [];
  for (const [index, { name, workers }] of variants.entries()) {
    progress(`growth: starting ${name}`);
    const prefix = `growth${index}`;
    const cluster = await Cluster.start({ redisUrl, folder: join(folder, prefix), prefix, workers }, cleanUp);
    const run = new Run(cluster, options);
    cleanUp.add(() => {
      run.close();
      return Promise.resolve();
    });
    await run.warmUp();
    runs.push(run);
  }
  for (let round = 1; round <= rounds; round++) {
    for (const [index, run] of runs.entries()) {
      await run.measure();
      progress(
        `growth: round ${round} of ${rounds}, ${variants[index]!.name}: ${run.rates.at(-1)!.toFixed(3)} images/s`,
      );
    }
  }
  const rates = new Map(variants.map(({ name }, index) => [name, runs[index]!.rates]));
  return {
    variants: variants.map(({ name, half }, index) => {
      const { rates: mine, workerSeconds } = runs[index]!;
      const base = half === undefined ? undefined : rates.get(half)!;
      return {
        name,
        perSecond: median(mine),
        rounds: mine,
        workerSeconds: median(workerSeconds),
        // Round by round, so that a machine whose speed drifts drifts for both.
        ...(base && { efficiency: median(mine.map((rate, round) => rate / (2 * base[round]!))), twice: half! }),
      };
    }),
    archiveBytes: median(runs.flatMap(({ archiveBytes }) => archiveBytes)),
  };
}

function variantsOn(cores: readonly [number, number] | undefined): Variant[] {
  const one = cores ? '1 worker on a core of its own' : '1 worker of 1 thread';
  const two = cores ? '2 workers, each on a core of its own' : '2 workers of 1 thread';
  const thread = '1 worker, 1 thread, any core';
  return [
    { name: one, workers: [{ threads: 1, core: cores?.[0] }] },
    { name: two, workers: [0, 1].map((index) => ({ threads: 1, core: cores?.[index] })), half: one },
    { name: thread, workers: [{ threads: 1 }] },
    { name: '1 worker, 2 threads, any core', workers: [{ threads: 2 }], half: thread },
  ];
}

/** One variant: a cluster, and what was measured on it. */
class Run {
  readonly rates: number[] = [];
  readonly workerSeconds: number[] = [];
  readonly archiveBytes: number[] = [];
  private readonly sender: Sender;

  constructor(
    private readonly cluster: Cluster,
    private readonly options: GrowthOptions,
  ) {
    this.sender = new Sender(cluster.api.url, CONNECTIONS);
  }

  /** Gives every worker jobs before any has compiled its session, which takes seconds: so each compiles one. */
  async warmUp(): Promise<void> {
    await this.work(this.cluster.workers.length * JOBS_PER_WORKER);
    await this.cluster.deleteImages();
  }

  /**
   * Measures between two completions, with more jobs waiting at both: a worker decodes one image and packs another while
   * one runs, so the first and the last images of a queue take less of it.
   */
  async measure(): Promise<void> {
    const { images } = this.options;
    const { workers, features } = this.cluster;
    const lead = workers.length;
    const total = lead + images + workers.length * JOBS_PER_WORKER;
    const before = await this.processorSeconds();
    const ends = await this.work(total);
    this.workerSeconds.push(((await this.processorSeconds()) - before) / total);
    this.rates.push((1000 * images) / (ends[lead + images - 1]! - ends[lead - 1]!));
    const sizes = (await readdir(features)).map(async (name) => (await stat(join(features, name))).size);
    this.archiveBytes.push(sum(await Promise.all(sizes)) / sizes.length);
    await this.cluster.deleteImages();
  }

  close(): void {
    this.sender.close();
  }

  /** Submits jobs and waits for their ends: times in milliseconds, in order. */
  private async work(count: number): Promise<number[]> {
    const { query, photos } = this.options;
    const ids: string[] = [];
    await this.sender.each(count, async (index) => {
      const images = photos[index % photos.length]!;
      const answer = await this.sender.post(`/v1/jobs?${query}`, images.type, images.next());
      ids.push((JSON.parse(answer) as { id: string }).id);
    });
    const ends: number[] = [];
    for (const id of ids) ends.push(await this.endOf(id));
    return ends.sort((a, b) => a - b);
  }

  private async endOf(id: string): Promise<number> {
    for (;;) {
      const response = await fetch(`${this.cluster.api.url}/v1/jobs/${id}`);
      const job = (await response.json()) as { state: string; finishedAt?: string; error?: { message: string } };
      if (job.state === 'completed') return Date.parse(job.finishedAt!);
      if (job.state !== 'queued' && job.state !== 'active') {
        throw new Error(`Job ${id} is ${job.state}: ${job.error?.message}`);
      }
      await delay(LOOK_EVERY_MS);
    }
  }

  private async processorSeconds(): Promise<number> {
    return sum((await Promise.all(this.cluster.workers.map(({ pid }) => processorTime(pid)))).map(({ all }) => all));
  }
}
