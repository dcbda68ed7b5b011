import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Service } from '../service.js';
import type { CleanUp } from '../clean-up.js';

/** A worker process: its threads, and the one core that it is restricted to; any core where it is left out. */
export interface WorkerPlan {
  readonly threads: number;
  readonly core?: number | undefined;
}

export interface ClusterPlan {
  readonly redisUrl: string;
  /** For its data; a folder of its own. */
  readonly folder: string;
  /** Prefix of its keys in Redis, where several clusters share one. */
  readonly prefix: string;
  readonly workers: readonly WorkerPlan[];
  readonly apiCore?: number | undefined;
  /** The workers' program, from the repository's root; the service's own when left out. */
  readonly workerMain?: string;
  readonly workerEnv?: Readonly<Record<string, string>>;
}

/** Far more than any suite submits. */
const QUEUE_LIMIT = '1000000';

/** The processes of one deployment of the service but for Redis: the API and its workers, each a real process. */
export class Cluster {
  private constructor(
    readonly api: Service,
    readonly workers: readonly Service[],
    private readonly folder: string,
  ) {}

  static async start(plan: ClusterPlan, cleanUp: CleanUp): Promise<Cluster> {
    const { redisUrl, folder, prefix, workers, apiCore, workerMain, workerEnv } = plan;
    const env = {
      REDIS_URL: redisUrl,
      CAIRN_QUEUE_PREFIX: prefix,
      CAIRN_QUEUE_LIMIT: QUEUE_LIMIT,
      CAIRN_DATA_DIR: folder,
      // A folder that is not there: seeded weights, whatever this checkout has under .cairn.
      CAIRN_WEIGHTS_DIR: join(folder, 'weights'),
      CAIRN_DEVICE: 'cpu',
    };
    const start = async (role: 'api' | 'worker', extra: Record<string, string>, core?: number, main?: string) => {
      const cpus = core === undefined ? {} : { cpus: String(core) };
      const service = await Service.start(role, { ...env, ...extra }, { ...cpus, ...(main !== undefined && { main }) });
      // What it works on is deleted afterwards: there is nothing to finish.
      cleanUp.add(() => service.end('SIGKILL'));
      return service;
    };
    const api = await start('api', {}, apiCore);
    const started: Service[] = [];
    for (const { threads, core } of workers) {
      started.push(await start('worker', { CAIRN_THREADS: String(threads), ...workerEnv }, core, workerMain));
    }
    return new Cluster(api, started, folder);
  }

  /** Where the archives are. */
  get features(): string {
    return join(this.folder, 'features');
  }

  /** Deletes uploads and archives; to be called while no job runs. */
  async deleteImages(): Promise<void> {
    for (const name of ['features', 'images', 'batches']) {
      await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}
