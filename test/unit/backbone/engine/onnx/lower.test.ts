import { describe, expect, test } from '@jest/globals';
import { lowerToOnnx } from '../../../../../src/backbone/engine/onnx/lower.js';
import { ModelProto } from '../../../../../src/backbone/engine/onnx/model-proto.js';
import { PIXEL_ENDS } from '../../../../../src/backbone/engine/onnx/pixel-ends.js';
import { GraphBuilder } from '../../../../../src/backbone/graph/graph-builder.js';
import type { LevelName } from '../../../../../src/backbone/graph/graph.js';
import { NO_NORMALIZATION, randomWeights, tinyGraph } from '../../../../support/graphs.js';

const OPTIONS = { dtype: 'float32', size: 64, normalization: NO_NORMALIZATION, device: 'cpu', threads: 1 } as const;

// What the model computes is the business of the conformance suite of engines; here is what it must not hold.
describe('lowerToOnnx', () => {
  const graph = tinyGraph();
  const lower = (levels: LevelName[]) =>
    Buffer.from(lowerToOnnx(graph, randomWeights(graph), { ...OPTIONS, levels }, PIXEL_ENDS)).toString('latin1');

  test('batch norms are folded away, and padding goes into the convolution that follows', () => {
    const model = lower(['C1', 'C2', 'C3']);
    expect(model).toContain('stem/w');
    expect(model).not.toContain('BatchNormalization');
    expect(model).not.toContain('stem_pad/margins');
  });

  test('padding before anything else stays', () => {
    expect(lower(['C4'])).toContain('c4_pad/margins');
  });

  test('what no asked level needs is left out, weights and all', () => {
    expect(lower(['C2'])).not.toContain('shortcut');
    expect(lower(['C3'])).toContain('shortcut/w');
  });

  test('refuses a batch norm that no convolution comes before', () => {
    const builder = new GraphBuilder('image', 3);
    const C1 = builder.batchNorm('norm', builder.relu('relu', builder.input), 1e-3);
    const head = { family: 'test', architecture: 'tiny', stage5: false };
    const lone = builder.build(head, { C1 }, { C1: { channels: 3, stride: 1 } });
    const options = { ...OPTIONS, levels: ['C1' as const] };
    expect(() => lowerToOnnx(lone, randomWeights(lone), options, PIXEL_ENDS)).toThrow(/norm does not follow a conv/);
  });
});

test('ModelProto refuses a constant whose bytes do not fill its shape', () => {
  expect(() => new ModelProto().constant('w', 'float32', [2, 3], new Float32Array(5))).toThrow(
    'constant w is misshaped',
  );
});
