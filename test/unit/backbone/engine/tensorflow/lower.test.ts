import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Plan } from '../../../../../src/backbone/engine/plan.js';
import { lowerToTensorFlow, type LoweredNetwork } from '../../../../../src/backbone/engine/tensorflow/lower.js';
import type { Tf } from '../../../../../src/backbone/engine/tensorflow/native.js';
import { loadWasm } from '../../../../../src/backbone/engine/tensorflow/runtime.js';
import type { Graph, OutputName } from '../../../../../src/backbone/graph/graph.js';
import { SIZE } from '../../../../support/engine-under-test.js';
import { graphOf, preactivationGraph, randomWeights, tinyGraph } from '../../../../support/graphs.js';
import { useTypedArraysOfTheProcess } from '../../../../support/outer-realm.js';
import { held, runtimesHere, use } from '../../../../support/tensorflow-runtimes.js';

useTypedArraysOfTheProcess();

const CONV = { filters: 4, kernel: 3, padding: 'same', bias: true } as const;

const planOf = (graph: Graph) => new Plan(graph, Object.keys(graph.outputs) as OutputName[], SIZE);
const imageOf = (tf: Tf): Tensor4D => tf.fill([1, SIZE, SIZE, 3], 0.5);

/** The most bytes that were held during one run, and the kernels that it called. */
async function profile(tf: Tf, network: LoweredNetwork, input: Tensor4D) {
  const { peakBytes, kernels } = await tf.profile(() => {
    tf.dispose([...network.run(input).values()]);
    return [];
  });
  // What has a gradient of its own is counted once more, under another kind of name.
  return { peakBytes, kernels: kernels.map(({ name }) => name).filter((name) => !name.endsWith('__op')) };
}

describe.each(await runtimesHere())('lowerToTensorFlow on $name', ({ runtime }) => {
  const onThis = runtime ? test : test.skip;
  const { tf } = runtime ?? ({} as NonNullable<typeof runtime>);
  beforeAll(() => (runtime ? use(runtime) : undefined));

  const lower = (graph: Graph) => lowerToTensorFlow(tf, planOf(graph), randomWeights(graph));
  const image = () => imageOf(tf);

  describe.each([
    ['post-activation', tinyGraph()],
    ['pre-activation', preactivationGraph()],
  ])('%s', (_, graph) => {
    onThis('gives the outputs and nothing else, and takes the input', () => {
      const before = held(runtime!);
      const network = lower(graph);
      const ready = tf.memory().numTensors;
      const input = image();
      const values = network.run(input);
      expect(input.isDisposed).toBe(true);
      expect(values.size).toBe(Object.keys(graph.outputs).length);
      expect(tf.memory().numTensors).toBe(ready + values.size);
      tf.dispose([...values.values()]);
      network.dispose();
      network.dispose();
      expect(held(runtime!)).toEqual(before);
    });

    onThis('a run that fails leaves nothing behind, and the next one works', () => {
      const network = lower(graph);
      tf.dispose([...network.run(image()).values()]);
      const before = held(runtime!);
      const wrong: Tensor4D = tf.fill([1, SIZE, SIZE, 5], 0.5);
      expect(() => network.run(wrong)).toThrow();
      expect(held(runtime!)).toEqual(before);
      tf.dispose([...network.run(image()).values()]);
      expect(held(runtime!)).toEqual(before);
      network.dispose();
    });
  });

  onThis('maps go as soon as nobody reads them', async () => {
    const graph = graphOf((b) => {
      let x = b.input;
      for (let i = 0; i < 20; i++) x = b.relu(`relu${i}`, x);
      return { C1: x };
    });
    const network = lower(graph);
    const input = image();
    const map = input.size * Float32Array.BYTES_PER_ELEMENT;
    const before = tf.memory().numBytes;
    const { peakBytes } = await profile(tf, network, input);
    expect(peakBytes - before).toBe(map);
    network.dispose();
  });
});

describe('activations', () => {
  const alone = graphOf((b) => ({ C1: b.relu('relu', b.conv2d('conv', b.input, CONV)) }));
  const shared = graphOf((b) => {
    const conv = b.conv2d('conv', b.input, CONV);
    return { C1: b.add('sum', b.relu('relu', conv), conv) };
  });
  const output = graphOf((b) => {
    const C1 = b.conv2d('conv', b.input, CONV);
    return { C1, C2: b.relu('relu', C1) };
  });

  test.each([
    ['become part of a convolution that nothing else reads', alone, ['FusedConv2D']],
    ['stay by themselves where something else reads it', shared, ['FusedConv2D', 'Relu', 'Add']],
    ['stay by themselves where it is an output', output, ['FusedConv2D', 'Relu']],
  ])('%s', async (_, graph, kernels) => {
    const { tf } = await loadWasm();
    const network = lowerToTensorFlow(tf, planOf(graph), randomWeights(graph));
    expect(await profile(tf, network, imageOf(tf))).toMatchObject({ kernels });
    network.dispose();
  });
});
