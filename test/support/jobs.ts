import type { JobPayload, Outcome } from '../../src/jobs/payload.js';
import { specFor, type SpecOptions } from './specs.js';

export const SHA256 = 'ab'.repeat(32);

/** A payload as the queue carries it, of the smallest model unless `options` name another. */
export function payloadOf(fields: Partial<JobPayload> = {}, options: SpecOptions = {}): JobPayload {
  return {
    source: { kind: 'upload', key: `images/${SHA256}`, sha256: SHA256 },
    spec: specFor({ model: 'mask-rcnn-resnet18', size: 64, ...options }),
    weightsDigest: SHA256,
    weights: 'seeded',
    ...fields,
  };
}

/** The outcome of a job that has made a feature set. */
export function completed(jobId: string, payload = payloadOf()): Outcome {
  return { jobId, payload, state: 'completed', result: { featuresId: SHA256, timings: { run: 5 } } };
}
