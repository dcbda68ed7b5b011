import { GraphBuilder } from '../../src/backbone/graph/graph-builder.js';
import type { Graph } from '../../src/backbone/graph/graph.js';
import { sizeOf } from '../../src/backbone/graph/summary.js';
import type { Weights } from '../../src/backbone/weights/weights.js';
import { randomNumbers } from './tensors.js';

/** Mean of no channel: pixels reach the graph as they are. */
export const NO_NORMALIZATION = { channelOrder: 'rgb', mean: [0, 0, 0] } as const;

const HEAD = { family: 'test', architecture: 'tiny', stage5: false };

/** The graph that the files in test/fixtures/weights belong to: a 1×1 convolution from 3 to 2 channels and its norm. */
export function fixtureGraph(): Graph {
  const builder = new GraphBuilder('image', 3);
  const convolved = builder.conv2d('conv1', builder.input, { filters: 2, kernel: 1, bias: true });
  const C1 = builder.relu('out', builder.batchNorm('bn_conv1', convolved, 1e-3));
  return builder.build(HEAD, { C1 }, { C1: { channels: 2, stride: 1 } });
}

/** Two 1×1 convolutions, 3 to 2 to 2 channels, that keep the size. */
export function stackGraph(): Graph {
  const builder = new GraphBuilder('image', 3);
  const first = builder.conv2d('conv1', builder.input, { filters: 2, kernel: 1, bias: true });
  const C1 = builder.relu('out', builder.conv2d('conv2', first, { filters: 2, kernel: 1, bias: true }));
  return builder.build(HEAD, { C1 }, { C1: { channels: 2, stride: 1 } });
}

/** One of each operation and of each padding, in four levels of strides 2, 4, 8 and 16. */
export function tinyGraph(): Graph {
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
  return builder.build(
    HEAD,
    { C1, C2, C3, C4 },
    {
      C1: { channels: 4, stride: 2 },
      C2: { channels: 4, stride: 4 },
      C3: { channels: 6, stride: 8 },
      C4: { channels: 6, stride: 16 },
    },
  );
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
