import { describe, expect, test } from '@jest/globals';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { summarize } from '../../../../src/backbone/graph/summary.js';

// Published figures: keras.applications' model.summary() without top, and multiply-adds at 1024².
test.each([
  ['resnet50', true, 23_587_712, 53_120, 80.58],
  ['resnet101', true, 42_658_176, 105_344, 158.16],
  ['resnet50', false, undefined, undefined, 65.28],
  ['resnet101', false, undefined, undefined, 142.86],
])('%s with stage5=%s has the published size', (architecture, stage5, parameters, nonTrainable, gmacs) => {
  const { parameters: counted, macs } = summarize(resnetGraph(architecture, stage5), 1024);
  if (parameters !== undefined) expect(counted).toMatchObject({ total: parameters, nonTrainable });
  expect(macs / 1e9).toBeCloseTo(gmacs, 2);
});

describe('resnetGraph', () => {
  test('refuses what it does not know, by name', () => {
    expect(() => resnetGraph('resnet51', true)).toThrow(/no architecture "resnet51"; known are resnet50/);
    expect(() => resnetGraph('resnet50', true, 'caffe')).toThrow(/no family "caffe"/);
  });
});
