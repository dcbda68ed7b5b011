import type { Normalization } from './normalization.js';

/**
 * A network as plain data: its operations, their order and their names. No tensor
 * library is imported here, so the same description is summarised, given weights, and lowered
 * by every engine.
 */

/** Rows and columns added around a map, in elements. */
export interface Margins {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * `same` is TensorFlow's SAME: an odd pixel of padding goes to the bottom and right. A number is a
 * margin on all four sides, as in PyTorch. Convolutions are padded with zeros; a maximum ignores padding.
 */
export type Padding = 'valid' | 'same' | number;

export type ParameterName = 'kernel' | 'bias' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance';
export type Shape = readonly number[];

interface NodeBase {
  /** Unique in the graph; the layer's published name where it has one. */
  readonly name: string;
  /** Names of the nodes read, or of the graph's input. */
  readonly inputs: readonly string[];
  /** Part of the network that the node belongs to: `stem`, `stage2/block1`, …, `top`. */
  readonly block: string;
  /** Shapes of the parameters this node owns; convolution kernels are HWIO, dense ones `[in, out]`. */
  readonly parameters: Readonly<Partial<Record<ParameterName, Shape>>>;
  /** Channels of the node's output. */
  readonly channels: number;
}

export interface Conv2dNode extends NodeBase {
  readonly op: 'conv2d';
  readonly kernelSize: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}
export interface BatchNormNode extends NodeBase {
  readonly op: 'batchNorm';
  /** Added to the variance before its square root is taken. */
  readonly epsilon: number;
}
/**
 * Wu and He 2018: channels in `groups` of the same number, each normalised by its mean and variance in this very map;
 * then a factor (gamma) and an offset (beta) for each channel.
 */
export interface GroupNormNode extends NodeBase {
  readonly op: 'groupNorm';
  readonly groups: number;
  /** Added to the variance before its square root is taken. */
  readonly epsilon: number;
}
/** A factor (gamma) and an offset (beta) for each channel. */
export interface ScaleNode extends NodeBase {
  readonly op: 'scale';
}
export interface ReluNode extends NodeBase {
  readonly op: 'relu';
}
export interface PoolNode extends NodeBase {
  readonly op: 'maxPool' | 'averagePool';
  readonly poolSize: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly padding: Padding;
}
export interface ZeroPadNode extends NodeBase {
  readonly op: 'zeroPad';
  readonly margins: Margins;
}
/** Element-wise sum. `inputs[0]` is the residual branch, `inputs[1]` the shortcut. */
export interface AddNode extends NodeBase {
  readonly op: 'add';
}

/** Each position `factor` × `factor` times: nearest neighbour. */
export interface UpsampleNode extends NodeBase {
  readonly op: 'upsample';
  readonly factor: number;
}
/** The whole map as one value per channel: `[1, 1, channels]`. */
export interface GlobalPoolNode extends NodeBase {
  readonly op: 'globalPool';
  readonly mode: 'avg' | 'max';
}
/** Fully connected; reads a map of one position. */
export interface DenseNode extends NodeBase {
  readonly op: 'dense';
}
/** Over the channels. */
export interface SoftmaxNode extends NodeBase {
  readonly op: 'softmax';
}

/** A layer of a network. */
export type GraphNode =
  | Conv2dNode
  | BatchNormNode
  | GroupNormNode
  | ScaleNode
  | ReluNode
  | PoolNode
  | ZeroPadNode
  | AddNode
  | UpsampleNode
  | GlobalPoolNode
  | DenseNode
  | SoftmaxNode;

/** Where an output leaves the graph. `stride` is in input pixels; that of `top` is the pooled map's. */
export interface GraphOutput {
  readonly node: string;
  readonly channels: number;
  readonly stride: number;
}

/** A network as plain data: its input, its layers in order, and its outputs. */
export interface Graph {
  readonly family: string;
  readonly architecture: string;
  readonly stage5: boolean;
  readonly input: { readonly name: string; readonly channels: number; readonly normalization: Normalization };
  /** In an order in which every node follows its inputs. */
  readonly nodes: readonly GraphNode[];
  readonly outputs: Readonly<Partial<Record<OutputName, GraphOutput>>>;
}

export const LEVEL_NAMES = ['C1', 'C2', 'C3', 'C4', 'C5', 'P2', 'P3', 'P4', 'P5', 'P6'] as const;
/** The name of a level. */
export type LevelName = (typeof LEVEL_NAMES)[number];
/** `top` is the output after the last stage: probabilities, logits or pooled channels, `[1, 1, channels]`. */
export type OutputName = LevelName | 'top';

/** The graph's levels: the backbone's, then the pyramid's, each finest first. */
export function levelsOf(graph: Graph): LevelName[] {
  return LEVEL_NAMES.filter((name) => graph.outputs[name] !== undefined);
}
