import type { JobPayload } from '../../src/jobs/payload.js';

const SHA256 = 'ab'.repeat(32);

/** A payload as the queue carries it, of the smallest model. */
export function payloadOf(fields: Partial<JobPayload> = {}): JobPayload {
  return {
    source: { kind: 'upload', key: `images/${SHA256}`, sha256: SHA256 },
    model: 'mask-rcnn-resnet18',
    stage5: true,
    levels: ['C2'],
    dtype: 'float16',
    precision: 'float32',
    size: 64,
    weightsDigest: SHA256,
    weights: 'seeded',
    ...fields,
  };
}
