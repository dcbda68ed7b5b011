import type { Graph, GraphNode, Margins } from '../../src/backbone/graph/graph.js';
import type { Weights } from '../../src/backbone/weights/weights.js';

/** A map in double precision: `[height, width, channels]`, C order. */
interface FeatureMap {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly values: Float64Array;
}

/**
 * What a graph means, word by word and without any library: what engines are compared with. Keras
 * and Matterport are compared with in test/golden; this is for graphs of our own.
 *
 * @returns the output of every node by name.
 */
export function evaluateGraph(graph: Graph, weights: Weights, pixels: Uint8Array, size: number, mean: number[]) {
  const values = Float64Array.from(pixels, (pixel, i) => pixel - mean[i % 3]!);
  const maps = new Map<string, FeatureMap>([[graph.input.name, { height: size, width: size, channels: 3, values }]]);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => maps.get(name)!);
    maps.set(node.name, evaluate(node, inputs, weights));
  }
  return maps;
}

function evaluate(node: GraphNode, inputs: FeatureMap[], weights: Weights): FeatureMap {
  const x = inputs[0]!;
  const each = (change: (value: number, channel: number, index: number) => number): FeatureMap => ({
    ...x,
    values: x.values.map((value, index) => change(value, index % x.channels, index)),
  });
  switch (node.op) {
    case 'relu':
      return each((value) => Math.max(value, 0));
    case 'add':
      return each((value, _, index) => value + inputs[1]!.values[index]!);
    case 'batchNorm': {
      const of = (parameter: 'gamma' | 'beta' | 'moving_mean' | 'moving_variance') => weights.get(node.name, parameter);
      const [gamma, beta, mean, variance] = [of('gamma'), of('beta'), of('moving_mean'), of('moving_variance')];
      return each((value, c) => (gamma[c]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + node.epsilon) + beta[c]!);
    }
    case 'zeroPad':
      return padded(x, node.margins, 0);
    case 'maxPool': {
      const source = node.padding === 'same' ? padded(x, same(x, node.poolSize, node.strides), -Infinity) : x;
      return slide(source, node.poolSize, node.strides, x.channels, (at, filter) =>
        window(node.poolSize).reduce((best, [dy, dx]) => Math.max(best, at(dy, dx, filter)), -Infinity),
      );
    }
    case 'conv2d': {
      const source = node.padding === 'same' ? padded(x, same(x, node.kernelSize, node.strides), 0) : x;
      const kernel = weights.get(node.name, 'kernel');
      const bias = node.parameters.bias ? weights.get(node.name, 'bias') : undefined;
      return slide(source, node.kernelSize, node.strides, node.channels, (at, filter) => {
        let sum = bias?.[filter] ?? 0;
        window(node.kernelSize).forEach(([dy, dx], tap) => {
          for (let c = 0; c < x.channels; c++) {
            sum += at(dy, dx, c) * kernel[(tap * x.channels + c) * node.channels + filter]!;
          }
        });
        return sum;
      });
    }
  }
}

/** The offsets within a window, row by row. */
function window([height, width]: readonly [number, number]): [number, number][] {
  return Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);
}

/** TensorFlow's SAME: `ceil(length / stride)` steps, the smaller half of the padding first. */
function same(x: FeatureMap, size: readonly [number, number], strides: readonly [number, number]): Margins {
  const total = (length: number, axis: 0 | 1) => {
    const steps = Math.ceil(length / strides[axis]);
    return Math.max(0, (steps - 1) * strides[axis] + size[axis] - length);
  };
  const [rows, columns] = [total(x.height, 0), total(x.width, 1)];
  const [top, left] = [rows >> 1, columns >> 1];
  return { top, bottom: rows - top, left, right: columns - left };
}

function padded(x: FeatureMap, { top, bottom, left, right }: Margins, fill: number): FeatureMap {
  const [height, width] = [x.height + top + bottom, x.width + left + right];
  const values = new Float64Array(height * width * x.channels).fill(fill);
  for (let row = 0; row < x.height; row++) {
    const from = row * x.width * x.channels;
    values.set(x.values.subarray(from, from + x.width * x.channels), ((row + top) * width + left) * x.channels);
  }
  return { ...x, height, width, values };
}

type At = (dy: number, dx: number, channel: number) => number;

function slide(
  x: FeatureMap,
  size: readonly [number, number],
  strides: readonly [number, number],
  channels: number,
  compute: (at: At, filter: number) => number,
): FeatureMap {
  const height = Math.floor((x.height - size[0]) / strides[0]) + 1;
  const width = Math.floor((x.width - size[1]) / strides[1]) + 1;
  const values = new Float64Array(height * width * channels);
  for (let i = 0; i < values.length; i++) {
    const [filter, column, row] = [i % channels, Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    const at: At = (dy, dx, c) =>
      x.values[((row * strides[0] + dy) * x.width + column * strides[1] + dx) * x.channels + c]!;
    values[i] = compute(at, filter);
  }
  return { height, width, channels, values };
}
