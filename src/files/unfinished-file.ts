import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** A writer on another host cannot be looked up; after this long without a write it counts as dead. */
const MAX_AGE_MS = 24 * 3600_000;
const WRITER = /^(.+)\.(\d+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Names the writer of an unfinished file: host, process and a random id. */
export function writerName(): string {
  return `${hostname()}.${process.pid}.${randomUUID()}`;
}

export function isWriterName(name: string): boolean {
  return WRITER.test(name);
}

/** A writer is `dead` when its process on this host has ended, and `silent` when it has not written for a day. */
export function writerState(name: string, ageMs: number): 'dead' | 'silent' | 'active' {
  const [, host, pid] = WRITER.exec(name) ?? [];
  if (host === hostname() && !isProcessAlive(Number(pid))) return 'dead';
  return ageMs > MAX_AGE_MS ? 'silent' : 'active';
}

/** Whether a process of this host runs, under any user. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
