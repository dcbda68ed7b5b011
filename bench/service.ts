import { readFile, readdir } from 'node:fs/promises';
import type { PrivateRedisOptions } from '../scripts/redis.mjs';
import type { RunningService, ServiceOptions } from '../scripts/process/service.mjs';

/** A module of scripts/, which is not part of the build. */
export async function loadScript<T>(name: string): Promise<T> {
  return (await import(new URL(`../../scripts/${name}`, import.meta.url).href)) as T;
}

/** A private Redis. */
export async function startRedis(options: PrivateRedisOptions = {}) {
  const { startPrivateRedis } = await loadScript<typeof import('../scripts/redis.mjs')>('redis.mjs');
  return startPrivateRedis(options);
}

/** The real service as a process of its own. */
export class Service {
  private constructor(private readonly running: RunningService) {}

  static async start(
    role: 'api' | 'worker' | 'all',
    env: Record<string, string>,
    options: Pick<ServiceOptions, 'root' | 'main' | 'cpus'> = {},
  ): Promise<Service> {
    const { startService } = await loadScript<typeof import('../scripts/process/service.mjs')>('process/service.mjs');
    const running = startService({
      env: { PATH: process.env['PATH'], ROLE: role, PORT: '0', NO_COLOR: '1', CAIRN_URL_ALLOW: '127.0.0.1', ...env },
      ...options,
      stderr: process.stderr,
      keep: 10_000,
    });
    await running.ready().catch((error: unknown) => {
      throw new Error(`${role}: ${String(error)}\n${running.log()}`, { cause: error });
    });
    return new Service(running);
  }

  /** Origin of the API; empty for a worker. */
  get url(): string {
    return this.running.url;
  }

  /** Everything the process has written so far. */
  log(): string {
    return this.running.log();
  }

  get pid(): number {
    return this.running.process.pid!;
  }

  /** Current resident memory. */
  memoryMb(): Promise<number> {
    return memoryMb(this.pid, 'VmRSS');
  }

  /** Open descriptors: files, sockets and the rest. */
  async handles(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** One value from `/metrics`. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)![1]);
  }

  end(signal?: NodeJS.Signals): Promise<void> {
    return this.running.stop(undefined, signal);
  }
}

/** Peak resident memory of a process. */
export function peakMemoryMb(pid: number): Promise<number> {
  return memoryMb(pid, 'VmHWM');
}

async function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]) / 1024;
}
