/** What a worker runs the networks with, and where. */
export interface WorkerIdentity {
  readonly engine: string;
  readonly device: string;
  readonly host: string;
  readonly pid: number;
}

/** `engine/device@host:pid`; characters that Redis does not allow in a client's name are percent-encoded. */
export function formatWorkerName({ engine, device, host, pid }: WorkerIdentity): string {
  const [e, d, h] = [engine, device, host].map(encodeURIComponent);
  return `${e}/${d}@${h}:${pid}`;
}

/** The inverse; undefined for any other name. */
export function parseWorkerName(name: string): WorkerIdentity | undefined {
  const match = /^([^/@:]+)\/([^/@:]+)@([^/@:]+):(\d+)$/.exec(name);
  if (!match) return undefined;
  try {
    const [engine, device, host] = match.slice(1, 4).map(decodeURIComponent) as [string, string, string];
    return { engine, device, host, pid: Number(match[4]) };
  } catch {
    return undefined;
  }
}
