/**
 * Every engine and device that this machine has computes the same: whole networks with seeded weights,
 * through the thread in which sessions live, against ONNX Runtime on the CPU.
 */
import { afterAll, describe, expect, test } from '@jest/globals';
import { Backbone, type SessionRequest } from '../../src/backbone/backbone.js';
import { specFor, type SpecOptions } from '../support/specs.js';
import type { Level } from '../../src/backbone/tensor.js';
import { relativeDifference } from '../support/compare-levels.js';
import { listDevices } from '../support/devices.js';
import { smallestOfEachFamily } from '../support/smallest-models.js';

/** Of the largest value of a level: sums of thousands of products in another order. */
const FLOAT32 = 1e-4;
/** Neighbours among the halves: two values on either side of a middle are rounded apart. */
const NEIGHBOURS = 1e-3;
/** What is computed in float16 has ten bits, and loses some of them in fifty layers. */
const COMPUTED_IN_FLOAT16 = 2e-2;

const BACKBONE = 'C1,C2,C3,C4,C5';
const PYRAMID = 'P2,P3,P4,P5,P6';

const CASES: [string, SpecOptions, number][] = [
  ...smallestOfEachFamily().map(({ name: model }): [string, SpecOptions, number] => [
    `${model}: ${BACKBONE}`,
    { model, levels: BACKBONE, size: '128', dtype: 'float32' },
    FLOAT32,
  ]),
  [
    `mask-rcnn-resnet18: ${PYRAMID}`,
    { model: 'mask-rcnn-resnet18', levels: PYRAMID, size: '128', dtype: 'float32' },
    FLOAT32,
  ],
  [
    `mask-rcnn-resnet50 at 1024 × 1024 in float16: ${BACKBONE}`,
    { model: 'mask-rcnn-resnet50', levels: BACKBONE, size: '1024', dtype: 'float16' },
    NEIGHBOURS,
  ],
];
const CASES_IN_FLOAT16 = ['mask-rcnn-resnet50', 'keras-v2-resnet50v2'].map((model): SpecOptions => {
  return { model, levels: BACKBONE, size: '128', dtype: 'float32' };
});

/** Threads of the process and not of jest: what is slow there is fast in them. */
const TIMEOUT_MS = 300_000;

function requestOf(options: SpecOptions): SessionRequest {
  return { ...specFor(options), weights: 'seeded' };
}

async function levelsOf(backbone: Backbone, request: SessionRequest): Promise<Level[]> {
  const { size } = request;
  const pixels = new Uint8Array(size * size * 3);
  for (let i = 0, state = 1; i < pixels.length; i++) {
    state = (state * 48271) % 2147483647;
    pixels[i] = state;
  }
  const [levels] = await backbone.runBatch(request, pixels, 1);
  return levels!;
}

const reference = new Backbone({ engine: 'onnx', device: 'cpu', maxSessions: 1 });
const expected = new Map<SpecOptions, Promise<Level[]>>();
/** Computed once for all devices. */
function expectedOf(options: SpecOptions): Promise<Level[]> {
  if (!expected.has(options)) expected.set(options, levelsOf(reference, requestOf(options)));
  return expected.get(options)!;
}
afterAll(() => reference.close());

/** Level by level, so that a failure names the level. */
async function differences(found: Promise<Level[]>, options: SpecOptions): Promise<Record<string, number>> {
  const [levels, references] = [await found, await expectedOf(options)];
  expect(levels).toHaveLength(references.length);
  return Object.fromEntries(references.map((level, i) => [level.name, relativeDifference(levels[i]!, level)]));
}

function expectAllBelow(found: Record<string, number>, limit: number): void {
  const wrong = Object.entries(found).filter(([, difference]) => !(difference < limit));
  expect(Object.fromEntries(wrong)).toEqual({});
}

const devices = await listDevices();

for (const { engine, device, missing } of devices) {
  const name = `${engine}/${device}`;
  if (missing !== undefined) {
    test.skip(`${name} is not here: ${missing}`, () => undefined);
    continue;
  }

  describe(name, () => {
    const backbone = new Backbone({ engine, device, maxSessions: 1 });
    afterAll(() => backbone.close());

    if (name !== 'onnx/cpu') {
      test.each(CASES)(
        '%s',
        async (_, options, limit) => {
          expectAllBelow(await differences(levelsOf(backbone, requestOf(options)), options), limit);
        },
        TIMEOUT_MS,
      );
    }

    // What the other engine says to that is in its own tests.
    if (engine === 'onnx') {
      test.each(CASES_IN_FLOAT16)(
        'computed in float16: $model',
        async (options) => {
          const request = requestOf({ ...options, precision: 'float16' });
          expectAllBelow(await differences(levelsOf(backbone, request), options), COMPUTED_IN_FLOAT16);
        },
        TIMEOUT_MS,
      );
    }
  });
}
