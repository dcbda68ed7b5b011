import { readFileSync } from 'node:fs';
import type { Graph } from '../../src/backbone/graph/graph.js';
import { fixturePath } from './fixtures.js';
import { fixtureGraph } from './graphs.js';
import type { Tensors } from './safetensors-bytes.js';

type Nested = number | Nested[];

/** The values that all files in test/fixtures/weights hold, by `layer/parameter`, flat in C order of HWIO. */
export function fixtureValues(): Record<string, number[]> {
  const layers = JSON.parse(readFileSync(fixturePath('weights/values.json'), 'utf8')) as Record<
    string,
    Record<string, Nested[]>
  >;
  const entries = Object.entries(layers).flatMap(([layer, parameters]) =>
    Object.entries(parameters).map(([parameter, values]) => [`${layer}/${parameter}`, flatten(values)] as const),
  );
  return Object.fromEntries(entries);
}

function flatten(values: Nested[]): number[] {
  return values.flatMap((value) => (Array.isArray(value) ? flatten(value) : [value]));
}

export function fixtureShape(name: string): number[] {
  return name === 'conv1/kernel' ? [1, 1, 3, 2] : [2];
}

/** The fixture's parameters as safetensors, called `layer/parameter` or, with another separator, `layer.parameter`. */
export function fixtureTensors(
  Type: typeof Float32Array | typeof Float64Array = Float32Array,
  separator = '/',
): Record<string, Tensors[string]> {
  return Object.fromEntries(
    Object.entries(fixtureValues()).map(([name, values]) => [
      name.replace('/', separator),
      { shape: fixtureShape(name), data: Type.from(values) },
    ]),
  );
}

/** A convention in which a fixture is written: whose it is, and how it calls and turns the fixture's parameters. */
export interface FixtureConvention {
  readonly family: string;
  readonly layers: Readonly<Record<string, string>>;
  readonly words: Readonly<Record<string, string>>;
  readonly separator: string;
  readonly oihw?: boolean;
}

const VECTORS = { gamma: 'gamma', beta: 'beta', moving_mean: 'moving_mean', moving_variance: 'moving_variance' };
export const KERAS: FixtureConvention = {
  family: 'test',
  layers: { conv1: 'conv1', bn_conv1: 'bn_conv1' },
  words: { kernel: 'kernel', bias: 'bias', ...VECTORS },
  separator: '/',
};
export const TORCH: FixtureConvention = {
  family: 'torchvision',
  layers: { conv1: 'conv1', bn_conv1: 'bn1' },
  words: {
    kernel: 'weight',
    bias: 'bias',
    gamma: 'weight',
    beta: 'bias',
    moving_mean: 'running_mean',
    moving_variance: 'running_var',
  },
  separator: '.',
  oihw: true,
};
export const SLIM: FixtureConvention = {
  family: 'slim-v2',
  layers: { conv1: 'resnet_v2_50/conv1', bn_conv1: 'resnet_v2_50/postnorm' },
  words: { kernel: 'weights', bias: 'biases', ...VECTORS },
  separator: '/',
};

/** `fixtureGraph` as a network of the convention's family, whose layers have its names. */
export function fixtureGraphOf({ family, layers }: FixtureConvention): Graph {
  const graph = fixtureGraph();
  const renamed = (name: string) => layers[name] ?? name;
  const nodes = graph.nodes.map((node) => ({ ...node, name: renamed(node.name), inputs: node.inputs.map(renamed) }));
  return { ...graph, family, nodes };
}

/** What a file of the convention declares, by path. */
export function fixtureIn({ layers, words, separator, oihw }: FixtureConvention) {
  const tensors = Object.entries(fixtureValues()).map(([name, values]) => {
    const [layer, parameter] = name.split('/') as [string, string];
    const kernel = parameter === 'kernel';
    return [
      layers[layer]! + separator + words[parameter]!,
      {
        shape: kernel && oihw ? [2, 3, 1, 1] : fixtureShape(name),
        values: kernel && oihw ? [0, 2, 4, 1, 3, 5].map((i) => values[i]!) : values,
      },
    ] as const;
  });
  return Object.fromEntries(tensors);
}
