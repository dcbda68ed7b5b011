import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url));
/** What each role says once it works. */
const READY = { api: /listening on (\S+)/, worker: /working on jobs/ } as const;

/** The private Redis of the scripts, which are not part of the build. */
export async function startRedis(options: { dataDir?: string; port?: number } = {}) {
  const file = new URL('../../scripts/redis.mjs', import.meta.url);
  const { startPrivateRedis } = (await import(file.href)) as typeof import('../scripts/redis.mjs');
  return startPrivateRedis(options);
}

/** The real service as a process of its own. */
export class Service {
  private constructor(
    private readonly child: ChildProcess,
    /** Of the API; empty for a worker. */
    readonly url: string,
  ) {}

  static async start(role: keyof typeof READY, env: Record<string, string>): Promise<Service> {
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], ROLE: role, PORT: '0', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      const ready = READY[role].exec(line);
      if (!ready) continue;
      child.stdout.resume();
      return new Service(child, ready[1] ?? '');
    }
    throw new Error(`The ${role} ended before it was ready: ${said.join('\n')}`);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Resident memory now. */
  memoryMb(): Promise<number> {
    return memoryMb(this.pid, 'VmRSS');
  }

  /** Files, sockets and the rest that are open. */
  async handles(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** One number of `/metrics`. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)![1]);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }
}

/** The most resident memory that a process ever had. */
export function peakMemoryMb(pid: number): Promise<number> {
  return memoryMb(pid, 'VmHWM');
}

async function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]) / 1024;
}
