import { beforeAll, describe, expect, test } from '@jest/globals';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { createEngine } from '../../../../../src/backbone/engine/engines.js';
import { toLayersModel } from '../../../../../src/backbone/engine/tensorflow/layers-model.js';
import { loadWasm } from '../../../../../src/backbone/engine/tensorflow/runtime.js';
import { fpnGraph } from '../../../../../src/backbone/graph/fpn-graph.js';
import { levelsOf, type Graph, type OutputName, type ParameterName } from '../../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../../src/backbone/graph/resnet-graph.js';
import { inferShapes } from '../../../../../src/backbone/graph/shapes.js';
import { summarize } from '../../../../../src/backbone/graph/summary.js';
import { modelGraph } from '../../../../../src/backbone/catalogue.js';
import type { Level } from '../../../../../src/backbone/tensor.js';
import type { Weights } from '../../../../../src/backbone/weights/weights.js';
import { runOne } from '../../../../support/engine-under-test.js';
import { heWeights } from '../../../../support/he-weights.js';
import { useTypedArraysOfTheProcess } from '../../../../support/outer-realm.js';
import { smallestOfEachFamily } from '../../../../support/smallest-models.js';
import { largestAbsolute, largestDifference, numbersOf, randomNumbers } from '../../../../support/tensors.js';

useTypedArraysOfTheProcess();

const SIZE = 64;

let tf: typeof TensorFlow;
beforeAll(async () => {
  ({ tf } = await loadWasm());
});

function randomImage(size: number): Uint8Array {
  const random = randomNumbers(5);
  return new Uint8Array(size * size * 3).map(() => 256 * random());
}

/** An image as the network wants it, `[1, size, size, 3]`. */
function normalized(image: Uint8Array, size: number, { input }: Graph): TensorFlow.Tensor {
  const { channelOrder, mean, std } = input.normalization;
  const values = new Float32Array(image.length);
  for (let i = 0; i < image.length; i++) {
    const channel = i % 3;
    const source = channelOrder === 'bgr' ? i - channel + (2 - channel) : i;
    values[i] = (image[source]! - mean[channel]!) / std[channel]!;
  }
  return tf.tensor4d(values, [1, size, size, 3]);
}

async function computed(graph: Graph, weights: Weights, outputs: OutputName[], image: Uint8Array, size: number) {
  const engine = await createEngine('tensorflow');
  const options = { outputs, dtype: 'float32', size, device: 'wasm', threads: 1 } as const;
  const session = await engine.compile(graph, weights, options);
  const levels = await runOne(session, image);
  await session.dispose();
  return levels;
}

function predict(model: LayersModel, input: TensorFlow.Tensor): TensorFlow.Tensor[] {
  const outputs = model.predict(input);
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** Of the largest value that the engine gave. */
function relativeDifference(predicted: TensorFlow.Tensor, { tensor }: Level): number {
  const expected = numbersOf(tensor);
  const scale = largestAbsolute(expected);
  expect(scale).toBeGreaterThan(0.2);
  return largestDifference(predicted.dataSync<'float32'>(), expected) / scale;
}

const NETWORKS: [string, Graph][] = [
  ...smallestOfEachFamily().map((model): [string, Graph] => [model.name, modelGraph(model, true)]),
  ['mask-rcnn-resnet18 and its feature pyramid', fpnGraph(resnetGraph('resnet18', true))],
];

describe.each(NETWORKS)('toLayersModel of %s', (_, graph) => {
  const weights = heWeights(graph);
  const build = () => toLayersModel(graph, weights);

  test('has a layer for every node, under its name and with its parameters', () => {
    const model = build();
    expect(model.name).toBe(`${graph.family}-${graph.architecture}`);
    const { rows, parameters } = summarize(graph, SIZE);
    for (const row of rows) {
      const layer = model.getLayer(row.name);
      expect([row.name, layer.countParams()]).toEqual([row.name, row.parameters]);
      expect((layer.outputShape as number[]).at(-1)).toBe(row.shape[2]);
    }
    expect(model.countParams()).toBe(parameters.total);
    model.dispose();
  });

  test('has layers of its own for paddings in numbers, and no others', () => {
    const model = build();
    const known = new Set([graph.input.name, ...graph.nodes.map(({ name }) => name)]);
    const added = model.layers.map(({ name }) => name).filter((name) => !known.has(name));
    const inNumbers = graph.nodes.filter((node) => 'padding' in node && Number(node.padding) > 0);
    expect(new Set(added)).toEqual(new Set(inNumbers.map(({ name }) => `${name}_pad`)));
    model.dispose();
  });

  test('norms stay, with their epsilon and their statistics', () => {
    const model = build();
    const norms = graph.nodes.filter((node) => node.op === 'batchNorm' || node.op === 'groupNorm');
    expect(norms.length).toBeGreaterThan(10);
    for (const { name, op, epsilon } of norms) {
      const layer = model.getLayer(name);
      // A layer of our own, for group norms, has no configuration.
      const [kind, known] = op === 'batchNorm' ? ['BatchNormalization', epsilon] : ['Scale', undefined];
      expect([name, layer.getClassName()]).toEqual([name, kind]);
      expect([name, layer.getConfig()['epsilon']]).toEqual([name, known]);
    }
    const { name, parameters: owned } = norms.at(-1)!;
    const parameters = model.getLayer(name).getWeights();
    for (const [i, parameter] of (Object.keys(owned) as ParameterName[]).entries()) {
      expect([...parameters[i]!.dataSync()]).toEqual([...weights.get(name, parameter)]);
    }
    model.dispose();
  });

  test('predicts what the engine computes, and leaves nothing behind', async () => {
    const before = tf.memory();
    const model = build();
    const levels = levelsOf(graph);
    const nodes = levels.map((level) => graph.outputs[level]!.node);
    expect(model.outputNames).toEqual([...new Set([...nodes, graph.nodes.at(-1)!.name])]);

    const image = randomImage(SIZE);
    const input = normalized(image, SIZE, graph);
    const predicted = predict(model, input);
    const shapes = inferShapes(graph, SIZE, SIZE);
    for (const [i, level] of (await computed(graph, weights, levels, image, SIZE)).entries()) {
      expect(predicted[i]!.shape).toEqual([1, ...shapes.get(nodes[i]!)!]);
      expect([level.name, relativeDifference(predicted[i]!, level)]).toEqual([level.name, expect.closeTo(0, 5)]);
    }
    tf.dispose([input, ...predicted]);
    model.dispose();
    expect(tf.memory()).toEqual(before);
  });
});

describe('toLayersModel with a classifier', () => {
  // One classifier is a dense layer, one a convolution, and one follows a pool of 7 × 7 and needs that many positions.
  test.each([
    ['torchvision', 'resnet18', SIZE],
    ['slim-v2', 'resnet50v2', SIZE],
    ['scale', 'resnet101', 224],
  ])("%s %s predicts the engine's probabilities", async (family, architecture, size) => {
    const graph = resnetGraph(architecture, true, { family, includeTop: true, classes: 5 });
    const weights = heWeights(graph);
    const model = toLayersModel(graph, weights);
    expect(model.countParams()).toBe(summarize(graph, size).parameters.total);
    const image = randomImage(size);
    const input = normalized(image, size, graph);
    const predicted = predict(model, input);
    const [top] = await computed(graph, weights, ['top'], image, size);
    expect(predicted.at(-1)!.size).toBe(5);
    expect(relativeDifference(predicted.at(-1)!, top!)).toBeCloseTo(0, 5);
    tf.dispose([input, ...predicted]);
    model.dispose();
  });
});
