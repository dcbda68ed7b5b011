import { describe, expect, test } from '@jest/globals';
import { ARCHITECTURES } from '../../../../src/backbone/graph/architectures.js';
import { FAMILIES, type FamilyName } from '../../../../src/backbone/graph/families.js';
import type { Graph, GraphNode, GraphOutput } from '../../../../src/backbone/graph/graph.js';
import { inferShapes } from '../../../../src/backbone/graph/shapes.js';
import { listModels, modelGraph, type Model } from '../../../../src/backbone/catalogue.js';

/** What the publishers say of each family, once more. */
interface Published {
  readonly epsilon: number;
  /** Which convolutions have a bias: all, or those that no norm follows. */
  readonly bias: 'all' | 'without norm';
  readonly strides: readonly number[];
  /** Sides of the levels of a canvas of 224 pixels. */
  readonly sides: readonly number[];
  readonly normalization: readonly [order: 'rgb' | 'bgr', mean: readonly number[], std: readonly number[]];
}

const POST = { strides: [4, 4, 8, 16, 32], sides: [56, 56, 28, 14, 7] };
const PREACTIVATION = { bias: 'without norm', strides: [4, 8, 16, 32, 32], sides: [56, 28, 14, 7, 7] } as const;
const ONE = [1, 1, 1];
const CAFFE = ['bgr', [103.939, 116.779, 123.68], ONE] as const;
const SYMMETRIC = ['rgb', [127.5, 127.5, 127.5], [127.5, 127.5, 127.5]] as const;
const IMAGENET = ['rgb', [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]] as const;

const DETECTRON2 = {
  ...POST,
  epsilon: 1e-5,
  bias: 'without norm',
  normalization: ['bgr', [103.53, 116.28, 123.675], ONE],
} as const;

const PUBLISHED: Record<FamilyName, Published> = {
  'mask-rcnn': { ...POST, epsilon: 1e-3, bias: 'all', normalization: ['rgb', [123.7, 116.8, 103.9], ONE] },
  keras: { ...POST, epsilon: 1.001e-5, bias: 'all', normalization: CAFFE },
  'keras-legacy': { ...POST, epsilon: 1e-3, bias: 'all', normalization: CAFFE },
  'keras-v2': { ...PREACTIVATION, epsilon: 1.001e-5, normalization: SYMMETRIC },
  // Nothing is padded before its max-pool: the maps of the first stages lack a row and a column.
  scale: { ...POST, sides: [55, 55, 28, 14, 7], epsilon: 1.1e-5, bias: 'without norm', normalization: CAFFE },
  'slim-v2': { ...PREACTIVATION, epsilon: 1e-5, normalization: SYMMETRIC },
  torchvision: { ...POST, epsilon: 1e-5, bias: 'without norm', normalization: IMAGENET },
  'torchvision-detection': { ...POST, epsilon: 0, bias: 'without norm', normalization: IMAGENET },
  'torchvision-detection-v2': { ...POST, epsilon: 1e-5, bias: 'without norm', normalization: IMAGENET },
  detectron2: DETECTRON2,
  'detectron2-bn': DETECTRON2,
  'detectron2-gn': DETECTRON2,
  'basic-small-stem': {
    epsilon: 1e-3,
    bias: 'all',
    strides: [1, 1, 2, 4, 8],
    sides: [222, 222, 111, 56, 28],
    normalization: ['rgb', [0, 0, 0], [255, 255, 255]],
  },
};

const CHANNELS = {
  basic: [64, 64, 128, 256, 512],
  bottleneck: [64, 256, 512, 1024, 2048],
  preactivation: [64, 256, 512, 1024, 2048],
};

const MODELS = listModels().map((model) => [model.name, model] as const);
const blockKind = ({ architecture }: Model) => ARCHITECTURES[architecture as keyof typeof ARCHITECTURES].block;

test('the table has the families that are published, each with its normalisation', () => {
  expect(new Set(Object.keys(FAMILIES))).toEqual(new Set(Object.keys(PUBLISHED)));
  for (const [family, { normalization }] of Object.entries(PUBLISHED)) {
    const { channelOrder, mean, std } = FAMILIES[family as FamilyName].normalization;
    expect(channelOrder).toBe(normalization[0]);
    for (const channel of [0, 1, 2]) {
      expect(mean[channel]).toBeCloseTo(normalization[1][channel]!, 9);
      expect(std[channel]).toBeCloseTo(normalization[2][channel]!, 9);
    }
  }
});

describe.each(MODELS)('%s', (_, model) => {
  const graph = modelGraph(model, true, { includeTop: true });
  const published = PUBLISHED[model.family as FamilyName];
  const { blocks } = ARCHITECTURES[model.architecture as keyof typeof ARCHITECTURES];

  test('has the published channels, strides and shapes', () => {
    const shapes = inferShapes(graph, 224, 224);
    const levels = Object.entries(graph.outputs).filter(([name]) => name !== 'top');
    expect(levels.map(([name]) => name)).toEqual(['C1', 'C2', 'C3', 'C4', 'C5']);
    const of = <T>(get: (output: GraphOutput) => T) => levels.map(([, output]) => get(output));
    expect(of(({ channels }) => channels)).toEqual(CHANNELS[blockKind(model)]);
    expect(of(({ stride }) => stride)).toEqual(published.strides);
    expect(of(({ node }) => shapes.get(node))).toEqual(
      published.sides.map((side, i) => [side, side, CHANNELS[blockKind(model)][i]]),
    );
    expect(shapes.get(graph.outputs.top!.node)).toEqual([1, 1, 1000]);
  });

  test('has a bias exactly where the convention says, and its epsilon in every norm', () => {
    const norms = [...ofOp(graph, 'batchNorm'), ...ofOp(graph, 'groupNorm')];
    const normed = new Set(norms.map(({ inputs }) => inputs[0]));
    for (const { name, parameters, channels } of ofOp(graph, 'conv2d')) {
      const bias = published.bias === 'all' || !normed.has(name) ? [channels] : undefined;
      expect([name, parameters.bias]).toEqual([name, bias]);
    }
    expect(new Set(norms.map(({ epsilon }) => epsilon))).toEqual(new Set([published.epsilon]));
    const kinds = new Set(norms.map(({ op }) => op));
    expect(kinds).toEqual(new Set([model.family === 'detectron2-gn' ? 'groupNorm' : 'batchNorm']));
  });

  test('has a scale after every norm, or none', () => {
    const norms = ofOp(graph, 'batchNorm').map(({ name }) => name);
    const scaled = ofOp(graph, 'scale').map(({ inputs }) => inputs[0]);
    expect(scaled).toEqual(model.family === 'scale' ? norms : []);
  });

  test('projects where a stage begins, and only where the map changes', () => {
    const projecting = [2, 3, 4, 5].filter((stage) => blockKind(model) !== 'basic' || stage > 2);
    const found = ofOp(graph, 'add').filter(({ inputs }) => startsWithConvolution(graph, inputs[1]!));
    expect(found.map(({ block }) => block)).toEqual(projecting.map((stage) => `stage${stage}/block1`));
  });

  test('tells block by block what belongs together', () => {
    const runs = graph.nodes.map(({ block }) => block).filter((block, i, all) => block !== all[i - 1]);
    const stages = blocks.flatMap((count, i) => Array.from({ length: count }, (_, b) => `stage${i + 2}/block${b + 1}`));
    expect(runs).toEqual(['stem', ...stages, 'top']);
  });

  test('is frozen, and lists every node after its inputs', () => {
    const outputs = Object.values(graph.outputs);
    for (const part of [graph, graph.input, graph.nodes, graph.outputs, ...outputs, ...graph.nodes]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    const known = new Set([graph.input.name]);
    for (const node of graph.nodes) {
      expect(node.inputs.filter((input) => !known.has(input))).toEqual([]);
      known.add(node.name);
    }
  });

  test('ends after stage 4 when stage 5 is off, and is otherwise the same', () => {
    const cut = modelGraph(model, false);
    expect(Object.keys(cut.outputs)).toEqual(['C1', 'C2', 'C3', 'C4']);
    expect(cut.nodes).toEqual(graph.nodes.slice(0, cut.nodes.length));
    expect(cut.nodes.at(-1)!.name).toBe(graph.outputs.C4!.node);
  });
});

function ofOp<Op extends GraphNode['op']>(graph: Graph, op: Op): Extract<GraphNode, { op: Op }>[] {
  return graph.nodes.filter((node): node is Extract<GraphNode, { op: Op }> => node.op === op);
}

/** Whether what the node `name` gives is a convolution of the same block, but for its norm and scale. */
function startsWithConvolution(graph: Graph, name: string): boolean {
  const node = graph.nodes.find((candidate) => candidate.name === name)!;
  const passes = node.op === 'batchNorm' || node.op === 'groupNorm' || node.op === 'scale';
  return passes ? startsWithConvolution(graph, node.inputs[0]!) : node.op === 'conv2d';
}
