import type { Graph, GraphNode, ParameterName } from '../../src/backbone/graph/graph.js';
import type { Weights } from '../../src/backbone/weights/weights.js';
import { slide, withZerosAround, type FeatureMap } from './feature-map.js';

/**
 * What a graph means, word by word and without any library: what engines are compared with. Keras
 * and Matterport are compared with in test/golden; this is for graphs of our own.
 *
 * @param pixels one image of `size` × `size`: uint8, RGB, as an engine takes it.
 * @returns the output of every node by name.
 */
export function evaluateGraph(graph: Graph, weights: Weights, pixels: Uint8Array, size: number) {
  const { channelOrder, mean, std } = graph.input.normalization;
  const values = Float64Array.from(pixels, (_, i) => {
    const channel = i % 3;
    const pixel = pixels[channelOrder === 'rgb' ? i : i - channel + (2 - channel)]!;
    return (pixel - mean[channel]!) / std[channel]!;
  });
  const maps = new Map<string, FeatureMap>([[graph.input.name, { height: size, width: size, channels: 3, values }]]);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => maps.get(name)!);
    maps.set(node.name, evaluate(node, inputs, weights));
  }
  return maps;
}

function evaluate(node: GraphNode, inputs: FeatureMap[], weights: Weights): FeatureMap {
  const x = inputs[0]!;
  const of = (parameter: ParameterName) => weights.get(node.name, parameter);
  const each = (change: (value: number, channel: number, index: number) => number): FeatureMap => ({
    ...x,
    values: x.values.map((value, index) => change(value, index % x.channels, index)),
  });
  const one = (values: number[]): FeatureMap => ({
    height: 1,
    width: 1,
    channels: values.length,
    values: Float64Array.from(values),
  });
  switch (node.op) {
    case 'relu':
      return each((value) => Math.max(value, 0));
    case 'add':
      return each((value, _, index) => value + inputs[1]!.values[index]!);
    case 'batchNorm': {
      const [gamma, beta, mean, variance] = [of('gamma'), of('beta'), of('moving_mean'), of('moving_variance')];
      return each((value, c) => (gamma[c]! * (value - mean[c]!)) / Math.sqrt(variance[c]! + node.epsilon) + beta[c]!);
    }
    case 'groupNorm': {
      const [gamma, beta] = [of('gamma'), of('beta')];
      const size = x.channels / node.groups;
      const groupOf = (index: number) => Math.floor((index % x.channels) / size);
      const members = Array.from({ length: node.groups }, () => [] as number[]);
      x.values.forEach((value, index) => members[groupOf(index)]!.push(value));
      const statistics = members.map((values) => {
        const mean = average(values);
        return { mean, deviation: Math.sqrt(average(values.map((value) => (value - mean) ** 2)) + node.epsilon) };
      });
      return each((value, c, index) => {
        const { mean, deviation } = statistics[groupOf(index)]!;
        return (gamma[c]! * (value - mean)) / deviation + beta[c]!;
      });
    }
    case 'scale': {
      const [gamma, beta] = [of('gamma'), of('beta')];
      return each((value, c) => gamma[c]! * value + beta[c]!);
    }
    case 'upsample':
      return enlarged(x, node.factor);
    case 'zeroPad':
      return withZerosAround(x, node.margins);
    case 'maxPool':
      return slide(x, { ...node, size: node.poolSize }, x.channels, (taps, channel) =>
        most(taps.map(([, , index]) => x.values[index + channel]!)),
      );
    case 'averagePool':
      return slide(x, { ...node, size: node.poolSize }, x.channels, (taps, channel) =>
        average(taps.map(([, , index]) => x.values[index + channel]!)),
      );
    case 'globalPool': {
      const channel = (c: number) => [...x.values.filter((_, index) => index % x.channels === c)];
      return one(Array.from({ length: x.channels }, (_, c) => (node.mode === 'avg' ? average : most)(channel(c))));
    }
    case 'conv2d': {
      const kernel = of('kernel');
      const bias = node.parameters.bias && of('bias');
      return slide(x, { ...node, size: node.kernelSize }, node.channels, (taps, filter) => {
        let sum = bias?.[filter] ?? 0;
        for (const [dy, dx, index] of taps) {
          const tap = dy * node.kernelSize[1] + dx;
          for (let c = 0; c < x.channels; c++) {
            sum += x.values[index + c]! * kernel[(tap * x.channels + c) * node.channels + filter]!;
          }
        }
        return sum;
      });
    }
    case 'dense': {
      const [kernel, bias] = [of('kernel'), of('bias')];
      return one(
        Array.from(bias, (start, unit) =>
          x.values.reduce((sum, value, c) => sum + value * kernel[c * node.channels + unit]!, start),
        ),
      );
    }
    case 'softmax': {
      const total = x.values.reduce((sum, value) => sum + Math.exp(value), 0);
      return each((value) => Math.exp(value) / total);
    }
  }
}

function most(values: readonly number[]): number {
  return values.reduce((largest, value) => Math.max(largest, value), -Infinity);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Every position `factor` × `factor` times. */
function enlarged(x: FeatureMap, factor: number): FeatureMap {
  const [height, width] = [x.height * factor, x.width * factor];
  const values = new Float64Array(height * width * x.channels).map((_, index) => {
    const position = Math.floor(index / x.channels);
    const [row, column] = [Math.floor(position / width / factor), Math.floor((position % width) / factor)];
    return x.values[(row * x.width + column) * x.channels + (index % x.channels)]!;
  });
  return { height, width, channels: x.channels, values };
}
