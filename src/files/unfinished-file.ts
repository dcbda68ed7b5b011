import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A writer on another host, or in another container, cannot be looked up; after this long without a write it counts as dead. */
const MAX_AGE_MS = 24 * 3600_000;
const WRITER = /^(.+?)(?:\.ns-([0-9a-f]{8}))?\.(\d+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The namespace of processes outside of all containers; the number is part of Linux. */
const INITIAL_NAMESPACE = 'pid:[4026531836]';

/** Names the writer of an unfinished file: host, namespace of its process where that is a container's, process, a random id. */
export function writerName(): string {
  const space = processNamespace();
  return `${hostname()}.${space === undefined ? '' : `ns-${space}.`}${process.pid}.${randomUUID()}`;
}

/**
 * The container in whose numbering this process has its number, as eight digits: containers may share the name of their host, and
 * number their processes alike. Undefined outside of containers, and where the system does not tell.
 */
function processNamespace(): string | undefined {
  try {
    const space = readlinkSync('/proc/self/ns/pid');
    if (space === INITIAL_NAMESPACE) return undefined;
    // Numbers of namespaces begin anew when a machine starts.
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return createHash('sha256').update(`${boot} ${space}`).digest('hex').slice(0, 8);
  } catch {
    return undefined;
  }
}

export function isWriterName(name: string): boolean {
  return WRITER.test(name);
}

/**
 * A writer is `dead` when its process on this host, and in the same container, has ended, and `silent` when it has not written
 * for a day.
 */
export function writerState(name: string, ageMs: number): 'dead' | 'silent' | 'active' {
  const [, host, space, pid] = WRITER.exec(name) ?? [];
  const visible = host === hostname() && space === processNamespace();
  if (visible && !isProcessAlive(Number(pid))) return 'dead';
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
