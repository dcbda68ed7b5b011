import { createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { loadScript } from '../../bench/service.js';
import type { RunningService } from '../../scripts/process/service.mjs';

export type Role = 'api' | 'worker';

/** One process of the service. It is expected to run until it is told to end. */
export class Server {
  /** Whether this suite has ended the process, or is about to. */
  private told = false;
  isFrozen = false;

  private constructor(
    readonly role: Role,
    readonly name: string,
    private readonly running: RunningService,
  ) {}

  /**
   * Starts the process and resolves when it works. Its output goes to the file `log`. `onEnd` is called when it ends by
   * itself.
   */
  static async start(
    role: Role,
    name: string,
    env: Readonly<Record<string, string>>,
    log: string,
    onEnd: (server: Server, how: string) => void,
  ): Promise<Server> {
    const { startService } =
      await loadScript<typeof import('../../scripts/process/service.mjs')>('process/service.mjs');
    const output = createWriteStream(log, { flags: 'a' });
    const running = startService({
      env: { PATH: process.env['PATH'], ROLE: role, PORT: '0', NO_COLOR: '1', ...env },
      stdout: output,
      stderr: output,
      keep: 10_000,
    });
    const server = new Server(role, name, running);
    void running.exited.then(({ code, signal }) => {
      output.end();
      if (!server.told) onEnd(server, signal ?? `status ${code}`);
    });
    await running.ready().catch((error: unknown) => {
      if (server.told) return;
      throw new Error(`${name}: ${String(error)}\n${running.log()}`, { cause: error });
    });
    return server;
  }

  /** Origin of the API; empty for a worker. */
  get url(): string {
    return this.running.url;
  }

  get pid(): number {
    return this.running.process.pid!;
  }

  get isAlive(): boolean {
    return this.running.process.exitCode === null && this.running.process.signalCode === null;
  }

  /** The end of its output. */
  log(): string {
    return this.running.log();
  }

  async kill(): Promise<void> {
    this.told = true;
    await this.running.stop(undefined, 'SIGKILL');
  }

  /** Lets it finish what it does. Resolves with its exit status, null where it had to be killed. */
  async stop(): Promise<number | null> {
    this.thaw();
    this.told = true;
    await this.running.stop();
    return this.running.process.exitCode;
  }

  freeze(): void {
    this.isFrozen = this.running.process.kill('SIGSTOP');
  }

  thaw(): void {
    this.isFrozen = false;
    this.running.process.kill('SIGCONT');
  }

  memoryMb(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    return memoryMb(this.pid, field);
  }

  async descriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }
}

/** Resident memory of a process, now or at its peak. Zero where the process is gone. */
export async function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
}
