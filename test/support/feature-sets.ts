import { describeLevel, type Description, type FeatureSet } from '../../src/features/feature-set.js';
import type { Dtype, Level } from '../../src/backbone/tensor.js';
import { BYTES_PER_ELEMENT } from '../../src/backbone/tensor.js';
import { randomNumbers } from './tensors.js';

export interface LevelPlan {
  readonly name: string;
  readonly shape: readonly [number, number, number];
  readonly dtype: Dtype;
}

/** One level of several bands, one of a single band, one whose height leaves few ways to divide it. */
export function plansOf(dtype: Dtype): LevelPlan[] {
  return [
    { name: 'C2', shape: [64, 64, dtype === 'float32' ? 160 : 320], dtype },
    { name: 'C3', shape: [8, 8, 12], dtype },
    { name: 'C4', shape: [22, 3, 5], dtype },
  ];
}

/** A level whose bytes are random, with runs of zeros as a ReLU leaves them; integers have parameters of their own. */
export function randomLevel({ name, shape, dtype }: LevelPlan, seed = 1): Level {
  const random = randomNumbers(seed);
  const data = new Uint8Array(shape[0] * shape[1] * shape[2] * BYTES_PER_ELEMENT[dtype]);
  const words = new Uint16Array(data.buffer);
  for (let i = 0; i < words.length; i++) if (i % 16 > 4) words[i] = random() * 0x7c00;
  const quantization = dtype === 'uint8' && { quantization: { scale: Math.fround(seed / 300), zeroPoint: 7 * seed } };
  return { name, stride: 4, tensor: { dtype, shape, data, ...quantization }, clipped: false };
}

/** A feature set of random levels. */
export function featureSet(plans: readonly LevelPlan[], changed: Partial<Description> = {}): FeatureSet {
  const levels = plans.map((plan, i) => randomLevel(plan, i + 1));
  return {
    levels,
    description: {
      id: 'ab'.repeat(32),
      model: 'mask-rcnn-resnet50',
      family: 'mask-rcnn',
      architecture: 'resnet50',
      stage5: true,
      weights: 'seeded',
      weightsDigest: 'cd'.repeat(32),
      engine: 'onnx',
      device: 'cpu',
      precision: 'float32',
      imageSha256: 'ef'.repeat(32),
      originalShape: [400, 600, 3],
      size: 256,
      window: [42, 0, 213, 256],
      scale: 0.4266666666666667,
      levels: levels.map((level) => describeLevel(level)),
      clipped: ['C2'],
      softwareVersion: '0.0.0-test',
      createdAt: '2024-02-29T12:00:00.000Z',
      ...changed,
    },
  };
}
