import { GraphBuilder } from '../../src/backbone/graph/graph-builder.js';
import type { Graph } from '../../src/backbone/graph/graph.js';
import { MATTERPORT, type Normalization } from '../../src/backbone/graph/normalization.js';
import { sizeOf } from '../../src/backbone/graph/summary.js';
import type { Weights } from '../../src/backbone/weights/weights.js';
import { randomNumbers } from './tensors.js';

/** Pixels reach the graph as they are. */
export const NO_NORMALIZATION = { channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] } as const;
/** Everything that a normalisation can do, with another number in every place. */
export const FULL_NORMALIZATION = { channelOrder: 'bgr', mean: [103, 116, 124], std: [57, 58, 59] } as const;

/** Freezes a graph of our own; its levels are declared as they came out. */
export function finish(builder: GraphBuilder, ends: Ends, normalization: Normalization = NO_NORMALIZATION): Graph {
  return builder.build({ family: 'test', architecture: 'tiny', stage5: false }, normalization, ends, ends);
}

type Ends = Parameters<GraphBuilder['build']>[2];

/** A graph of a few nodes, whose outputs are what `build` gives. */
export function graphOf(build: (builder: GraphBuilder) => Ends): Graph {
  const builder = new GraphBuilder('image', 3);
  return finish(builder, build(builder));
}

/** The graph that the files in test/fixtures/weights belong to: a 1×1 convolution from 3 to 2 channels and its norm. */
export function fixtureGraph(normalization: Normalization = NO_NORMALIZATION): Graph {
  const builder = new GraphBuilder('image', 3);
  const convolved = builder.conv2d('conv1', builder.input, { filters: 2, kernel: 1, bias: true });
  const C1 = builder.relu('out', builder.batchNorm('bn_conv1', convolved, 1e-3));
  return finish(builder, { C1 }, normalization);
}

/** Two 1×1 convolutions, 3 to 2 to 2 channels, that keep the size; their sum is activated or, as a signed level, not. */
export function stackGraph({ signed = false } = {}): Graph {
  const builder = new GraphBuilder('image', 3);
  const first = builder.conv2d('conv1', builder.input, { filters: 2, kernel: 1, bias: true });
  const second = builder.conv2d('conv2', first, { filters: 2, kernel: 1, bias: true });
  return finish(builder, { C1: signed ? second : builder.relu('out', second) });
}

/** A post-activation network in small, in four levels of strides 2, 4, 8 and 16. */
export function tinyGraph(normalization: Normalization = MATTERPORT): Graph {
  const builder = new GraphBuilder('image', 3);
  const conv = { filters: 4, kernel: 3, stride: 2, bias: true } as const;
  const stem = builder.conv2d('stem', builder.zeroPad('stem_pad', builder.input, 1), conv);
  const C1 = builder.relu('c1', builder.batchNorm('stem_bn', stem, 1e-3));
  const C2 = builder.maxPool('c2', C1, { size: 3, stride: 2, padding: 'same' });
  const branch = builder.conv2d('branch', C2, { ...conv, filters: 6, padding: 'same', bias: false });
  const shortcut = builder.conv2d('shortcut', C2, { ...conv, filters: 6, kernel: 1 });
  const sum = builder.add('sum', builder.batchNorm('branch_bn', branch, 1e-2), shortcut);
  const C3 = builder.relu('c3', sum);
  const C4 = builder.maxPool('c4', builder.zeroPad('c4_pad', C3, 1), { size: 3, stride: 2, padding: 'valid' });
  return finish(builder, { C1, C2, C3, C4 }, normalization);
}

/**
 * A pre-activation network in small, and the operations that the one above lacks. Its levels, of
 * strides 4, 8, 16 and 32, and one of a pyramid of stride 8, are signed.
 */
export function preactivationGraph(normalization: Normalization = FULL_NORMALIZATION): Graph {
  const builder = new GraphBuilder('image', 3);
  const conv = { filters: 4, kernel: 3, stride: 2, padding: 1, bias: true } as const;
  const stem = builder.conv2d('stem', builder.input, { ...conv, filters: 5 });
  const C1 = builder.maxPool('c1', builder.zeroPad('c1_pad', stem, 1), { size: 3, stride: 2, padding: 'valid' });
  const active = builder.relu('active', builder.batchNorm('preact_bn', C1, 1e-3));
  const inner = builder.batchNorm('inner_bn', builder.conv2d('inner', active, { ...conv, bias: false }), 1e-2);
  const relu = builder.relu('inner_relu', builder.scale('inner_scale', inner));
  const branch = builder.conv2d('branch', relu, { filters: 5, kernel: 1, bias: true });
  const C2 = builder.add('c2', branch, builder.maxPool('step', C1, { size: 1, stride: 2, padding: 'valid' }));
  const C3 = builder.averagePool('c3', C2, { size: 2, stride: 2 });
  const C4 = builder.maxPool('c4', C3, { size: 3, stride: 2, padding: 1 });
  const post = builder.relu('post', builder.scale('post_scale', builder.batchNorm('post_bn', C2, 1e-3)));
  const pooled = builder.add('both', builder.globalPool('mean', post, 'avg'), builder.globalPool('most', post, 'max'));
  const top = builder.softmax('softmax', builder.dense('logits', pooled, 7));
  const P2 = builder.add('p2', builder.upsample('c3_up', C3, 2), C2);
  return finish(builder, { C1, C2, C3, C4, P2, top }, normalization);
}

/** Group norms of several sizes, before a ReLU and as a signed level; strides 2, 4, 8 and 16. */
export function groupNormGraph(normalization: Normalization = FULL_NORMALIZATION): Graph {
  const builder = new GraphBuilder('image', 3);
  const conv = { kernel: 3, stride: 2, padding: 1, bias: false } as const;
  const stem = builder.conv2d('stem', builder.input, { ...conv, filters: 8 });
  const C1 = builder.relu('c1', builder.groupNorm('stem_gn', stem, 2, 1e-3));
  const C2 = builder.groupNorm('c2', builder.conv2d('inner', C1, { ...conv, filters: 6 }), 3, 1e-5);
  const C3 = builder.maxPool('c3', C2, { size: 3, stride: 2, padding: 1 });
  const shortcut = builder.groupNorm('shortcut_gn', builder.conv2d('shortcut', C3, { ...conv, filters: 4 }), 4, 1e-5);
  const branch = builder.groupNorm('branch_gn', builder.conv2d('branch', C3, { ...conv, filters: 4 }), 1, 1e-5);
  const C4 = builder.relu('c4', builder.add('sum', branch, shortcut));
  return finish(builder, { C1, C2, C3, C4 }, normalization);
}

/** Weights given by value; a parameter that is not given is an error. */
export function weightsOf(values: Readonly<Record<string, readonly number[] | Float32Array>>): Weights {
  return {
    source: 'test',
    digest: '0'.repeat(64),
    get(layer, parameter) {
      const found = values[`${layer}/${parameter}`];
      if (!found) throw new Error(`the test gives no ${layer}/${parameter}`);
      return Float32Array.from(found);
    },
  };
}

/** Random values for every parameter of `graph`: variances are positive, nothing is 0 or 1. */
export function randomWeights(graph: Graph, seed = 1, changed: Parameters<typeof weightsOf>[0] = {}): Weights {
  const random = randomNumbers(seed);
  const drawn = graph.nodes.flatMap((node) =>
    Object.entries(node.parameters).map(([parameter, shape]): [string, Float32Array] => {
      const least = parameter === 'moving_variance' || parameter === 'gamma' ? 0.5 : -1;
      return [`${node.name}/${parameter}`, Float32Array.from({ length: sizeOf(shape) }, () => least + 1.7 * random())];
    }),
  );
  return weightsOf({ ...Object.fromEntries(drawn), ...changed });
}

/** Weights of the fixture's graph: `kernel` (of 3 × 2) and nothing else that changes a value. */
export function redAndGreen(kernel: number[]): Weights {
  const norm = { gamma: [1, 1], beta: [0, 0], moving_mean: [0, 0], moving_variance: [0.999, 0.999] };
  const named = Object.fromEntries(Object.entries(norm).map(([key, value]) => [`bn_conv1/${key}`, value]));
  return weightsOf({ 'conv1/kernel': kernel, 'conv1/bias': [0, 0], ...named });
}
