/** Jobs of a batch have ids that tell whose they are, so that a line that is fed twice is one job. */
export function batchJobId(batchId: string, line: number): string {
  return `${batchId}.${line}`;
}

/** The batch that a job belongs to, by its id. */
export function batchOf(jobId: string): string | undefined {
  const end = jobId.indexOf('.');
  return end === -1 ? undefined : jobId.slice(0, end);
}
