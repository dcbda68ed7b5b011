import { describe, expect, test } from '@jest/globals';
import { lowerToOnnx } from '../../../../../src/backbone/engine/onnx/lower.js';
import { ModelProto } from '../../../../../src/backbone/engine/onnx/model-proto.js';
import { IMAGE_IO } from '../../../../../src/backbone/engine/onnx/image-io.js';
import { Plan } from '../../../../../src/backbone/engine/plan.js';
import type { Graph, OutputName } from '../../../../../src/backbone/graph/graph.js';
import { preactivationGraph, randomWeights, tinyGraph } from '../../../../support/graphs.js';

const OPTIONS = { dtype: 'float32', size: 64, device: 'cpu', threads: 1 } as const;

// What the model computes is the business of the conformance suite of engines; here is what it must not hold.
describe('lowerToOnnx', () => {
  const lower = (graph: Graph, outputs: OutputName[]) => {
    const plan = new Plan(graph, outputs, OPTIONS.size);
    const model = lowerToOnnx(plan, randomWeights(graph), { ...OPTIONS, outputs }, IMAGE_IO);
    return Buffer.from(model).toString('latin1');
  };

  test('batch norms are folded away, and padding goes into the convolution or the pool that follows', () => {
    const model = lower(tinyGraph(), ['C1', 'C2', 'C3', 'C4']);
    expect(model).toContain('stem/w');
    for (const absent of ['BatchNormalization', 'stem_pad', 'c4_pad']) expect(model).not.toContain(absent);
  });

  test('a norm that no convolution comes before stays, and so does a padding of what may be negative', () => {
    const model = lower(preactivationGraph(), ['C2']);
    expect(model).toContain('preact_bn/factor');
    expect(model).toContain('c1_pad/margins');
    expect(model).not.toMatch(/inner_bn|inner_scale/);
  });

  test('what no asked output needs is left out, weights and all', () => {
    expect(lower(tinyGraph(), ['C2'])).not.toContain('shortcut');
    expect(lower(tinyGraph(), ['C3'])).toContain('shortcut/w');
  });

  test('only an output that may be negative has its least value taken', () => {
    expect(lower(tinyGraph(), ['C3'])).not.toContain('C3/min');
    expect(lower(preactivationGraph(), ['C3'])).toContain('C3/min');
  });

  test('pixels are reordered and divided only where the network wants it', () => {
    expect(lower(tinyGraph(), ['C1'])).not.toMatch(/Gather|Div/);
    const model = lower(preactivationGraph(), ['C1']);
    expect(model).toContain('Gather');
    expect(model).toContain('Div');
  });
});

test('ModelProto refuses a constant whose bytes do not fill its shape', () => {
  expect(() => new ModelProto().constant('w', 'float32', [2, 3], new Float32Array(5))).toThrow(
    'constant w is misshaped',
  );
});
