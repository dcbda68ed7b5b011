import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CleanUp } from '../../bench/clean-up.js';
import { loadScript, startRedis } from '../../bench/service.js';
import type { PrivateRedis } from '../../scripts/redis.mjs';
import { Server, type Role } from './server.js';

/** Redis syncs before it answers, as a Redis must for which nothing accepted may be lost. */
const SYNCED = { appendfsync: 'always' };

export interface PlaceOptions {
  /** For every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the folder before anything is started; returns what Redis needs in its environment. */
  readonly prepare?: (folder: string) => Readonly<Record<string, string>>;
  /** Called when a process ends by itself. */
  readonly onCrash: (line: string) => void;
  readonly keep?: boolean;
}

/** A folder, a Redis that keeps its data, and processes of the service: made for one run, and removed after it. */
export class Place {
  readonly servers = new Set<Server>();
  private started = 0;
  private closing = false;

  private constructor(
    readonly folder: string,
    readonly apiPort: number,
    public redis: PrivateRedis,
    readonly cleanUp: CleanUp,
    private readonly options: PlaceOptions,
    private readonly redisEnv: Readonly<Record<string, string>>,
  ) {}

  static async open(options: PlaceOptions): Promise<Place> {
    const cleanUp = new CleanUp('trial');
    const folder = await mkdtemp(join(tmpdir(), 'cairn-trial-'));
    if (!options.keep) cleanUp.add(() => rm(folder, { recursive: true, force: true }));
    try {
      await mkdir(join(folder, 'data'));
      const { unusedPort } = await loadScript<typeof import('../../scripts/process/ports.mjs')>('process/ports.mjs');
      const env = options.prepare?.(folder) ?? {};
      const redis = await startRedis({ dataDir: join(folder, 'redis'), settings: SYNCED, env });
      const place = new Place(folder, await unusedPort(), redis, cleanUp, options, env);
      cleanUp.add(() => place.redis.stop());
      cleanUp.add(() => place.stopServers());
      return place;
    } catch (error) {
      await cleanUp.run();
      throw error;
    }
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** Origin of the API, which keeps its port when it is started again. */
  get url(): string {
    return `http://127.0.0.1:${this.apiPort}`;
  }

  async start(role: Role, env: Readonly<Record<string, string>> = {}): Promise<Server> {
    const name = `${role}-${++this.started}`;
    const whole = {
      REDIS_URL: this.redis.url,
      CAIRN_DATA_DIR: this.data,
      CAIRN_WEIGHTS_DIR: join(this.folder, 'weights'),
      ...(role === 'api' && { PORT: String(this.apiPort) }),
      ...this.options.env,
      ...env,
    };
    const crashed = (server: Server, how: string) => {
      this.servers.delete(server);
      if (!this.closing) this.options.onCrash(`${name} ended by itself (${how}): ${lastLines(server.log())}`);
    };
    const server = await Server.start(role, name, whole, join(this.folder, `${name}.log`), crashed);
    this.servers.add(server);
    return server;
  }

  all(role: Role): Server[] {
    return [...this.servers].filter((server) => server.role === role);
  }

  async kill(server: Server): Promise<void> {
    this.servers.delete(server);
    await server.kill();
  }

  async killRedis(): Promise<void> {
    process.kill(this.redis.pid, 'SIGKILL');
    await this.redis.exited;
  }

  /** Starts Redis again at its port, with the data that it has kept. */
  async restartRedis(): Promise<void> {
    const { port } = this.redis;
    const dataDir = join(this.folder, 'redis');
    this.redis = await startRedis({ dataDir, port, settings: SYNCED, env: this.redisEnv });
  }

  async close(): Promise<void> {
    await this.cleanUp.run();
  }

  private async stopServers(): Promise<void> {
    this.closing = true;
    await Promise.all([...this.servers].map((server) => server.kill()));
  }
}

function lastLines(log: string): string {
  return log.trimEnd().split('\n').slice(-5).join(' | ');
}
