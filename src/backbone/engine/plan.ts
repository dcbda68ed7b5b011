import type { Graph, GraphNode, Margins, OutputName } from '../graph/graph.js';
import { inferShapes, paddingMargins, type MapShape } from '../graph/shapes.js';
import type { Weights } from '../weights/weights.js';
import { foldAffine, foldConv, type AffineNode } from './fold-affine.js';

interface StepBase {
  /** Name of the step's output value; unique in the plan. */
  readonly name: string;
  /** Names of the values read, or of the graph's input. */
  readonly inputs: readonly string[];
}

/** One operation of a compiled network, with everything that an engine needs. */
export type Step = StepBase &
  (
    | {
        readonly op: 'conv2d';
        /** HWIO. */
        readonly kernel: Float32Array;
        readonly kernelShape: readonly [number, number, number, number];
        readonly bias: Float32Array;
        readonly strides: readonly [number, number];
        readonly margins: Margins;
      }
    /** `x · factor + offset`, channel by channel. */
    | { readonly op: 'affine'; readonly factor: Float32Array; readonly offset: Float32Array }
    /** Groups of channels normalised by their own statistics, then `x · factor + offset`. */
    | {
        readonly op: 'groupNorm';
        readonly groups: number;
        readonly epsilon: number;
        readonly factor: Float32Array;
        readonly offset: Float32Array;
        readonly shape: MapShape;
      }
    | {
        readonly op: 'maxPool' | 'averagePool';
        readonly size: readonly [number, number];
        readonly strides: readonly [number, number];
        /** Padding is never a value of its own: a maximum ignores it. */
        readonly margins: Margins;
      }
    | { readonly op: 'zeroPad'; readonly margins: Margins }
    /** Nearest neighbour. */
    | { readonly op: 'upsample'; readonly factor: number }
    | { readonly op: 'globalPool'; readonly mode: 'avg' | 'max' }
    /** Kernel `[in, out]`. */
    | {
        readonly op: 'dense';
        readonly kernel: Float32Array;
        readonly kernelShape: readonly [number, number];
        readonly bias: Float32Array;
      }
    | { readonly op: 'relu' | 'add' | 'softmax' }
  );

export type Outline = Pick<Step, 'name' | 'op' | 'inputs'>;

export interface PlannedOutput {
  readonly name: OutputName;
  /** The value that holds it. */
  readonly value: string;
  readonly shape: MapShape;
  readonly stride: number;
  /** Whether its values may be negative. */
  readonly signed: boolean;
}

/**
 * How a graph is computed, the same for every engine: only the nodes that the requested outputs need,
 * batch norms and scales folded into the convolution before them, padding merged into the operation after it.
 */
export class Plan {
  readonly outputs: readonly PlannedOutput[];
  private readonly nodes: readonly GraphNode[];
  private readonly byName: ReadonlyMap<string, GraphNode>;
  private readonly readers = new Map<string, GraphNode[]>();
  private readonly shapes: ReadonlyMap<string, MapShape>;

  /** @throws CairnError `option-invalid` when the network does not work on images of this size. */
  constructor(
    readonly graph: Graph,
    outputs: readonly OutputName[],
    size: number,
  ) {
    this.nodes = nodesFor(graph, outputs);
    this.byName = new Map(this.nodes.map((node) => [node.name, node]));
    this.shapes = inferShapes({ ...graph, nodes: this.nodes }, size, size);
    for (const node of this.nodes) {
      for (const input of node.inputs) this.readers.set(input, [...(this.readers.get(input) ?? []), node]);
    }
    this.outputs = outputs.map((name) => {
      const { node, stride } = graph.outputs[name]!;
      const signed = !this.isNonNegative(node);
      return { name, value: this.valueOf(node), shape: this.shapes.get(node)!, stride, signed };
    });
  }

  /** In an order in which every step follows its inputs. Kernels are made lazily. */
  *steps(weights: Weights): Generator<Step> {
    for (const node of this.nodes) {
      if (this.valueOf(node.name) === node.name) yield this.step(node, weights);
    }
  }

  /** Elements of a value for one image. */
  elementsOf(value: string): number {
    return this.shapes.get(value)!.reduce((product, length) => product * length, 1);
  }

  /** The steps without their parameters. */
  outline(): readonly Outline[] {
    return this.nodes
      .filter(({ name }) => this.valueOf(name) === name)
      .map(({ name, op, inputs }) => {
        const affine = op === 'batchNorm' || op === 'scale';
        return { name, op: affine ? 'affine' : op, inputs: inputs.map((input) => this.valueOf(input)) };
      });
  }

  private step(node: GraphNode, weights: Weights): Step {
    const base = { name: node.name, inputs: node.inputs.map((input) => this.valueOf(input)) };
    switch (node.op) {
      case 'conv2d': {
        const kernelShape = node.parameters.kernel as [number, number, number, number];
        const folded = foldConv(node, this.affinesAfter(node), weights);
        const margins = this.marginsOf(node, node.kernelSize);
        return { ...base, op: 'conv2d', ...folded, kernelShape, strides: node.strides, margins };
      }
      case 'batchNorm':
      case 'scale': {
        const { factor, offset } = foldAffine([node, ...this.affinesAfter(node)], node.channels, weights);
        return { ...base, op: 'affine', factor: Float32Array.from(factor), offset: Float32Array.from(offset) };
      }
      case 'groupNorm': {
        const { groups, epsilon } = node;
        const [factor, offset] = [weights.get(node.name, 'gamma'), weights.get(node.name, 'beta')];
        return { ...base, op: 'groupNorm', groups, epsilon, factor, offset, shape: this.shapes.get(node.name)! };
      }
      case 'maxPool':
      case 'averagePool': {
        const { op, poolSize, strides } = node;
        return { ...base, op, size: poolSize, strides, margins: this.marginsOf(node, poolSize) };
      }
      case 'dense': {
        const kernelShape = node.parameters.kernel as [number, number];
        const [kernel, bias] = [weights.get(node.name, 'kernel'), weights.get(node.name, 'bias')];
        return { ...base, op: 'dense', kernel, kernelShape, bias };
      }
      case 'zeroPad':
        return { ...base, op: 'zeroPad', margins: node.margins };
      case 'upsample':
        return { ...base, op: 'upsample', factor: node.factor };
      case 'globalPool':
        return { ...base, op: 'globalPool', mode: node.mode };
      case 'relu':
      case 'add':
      case 'softmax':
        return { ...base, op: node.op };
    }
  }

  /** The value that holds a node's output: a folded or merged node has that of another. */
  private valueOf(name: string): string {
    const node = this.byName.get(name);
    if (node && this.isFolded(node)) return this.valueOf(node.inputs[0]!);
    if (node?.op === 'zeroPad' && this.isMerged(node)) return this.valueOf(node.inputs[0]!);
    return name;
  }

  private isFolded(node: GraphNode): node is AffineNode {
    if (node.op !== 'batchNorm' && node.op !== 'scale') return false;
    const producer = this.byName.get(node.inputs[0]!);
    const foldable = producer?.op === 'conv2d' || producer?.op === 'batchNorm' || producer?.op === 'scale';
    return foldable && this.readers.get(producer.name)!.length === 1 && !this.leaves(producer);
  }

  private affinesAfter(node: GraphNode): AffineNode[] {
    const [reader] = this.readers.get(node.name) ?? [];
    return reader && this.isFolded(reader) ? [reader, ...this.affinesAfter(reader)] : [];
  }

  /** Zero padding becomes padding of the convolutions after it, and of max-pools where nothing is negative. */
  private isMerged(node: GraphNode & { op: 'zeroPad' }): boolean {
    const readers = this.readers.get(node.name) ?? [];
    const nonNegative = this.isNonNegative(node.inputs[0]!);
    return (
      !this.leaves(node) &&
      readers.every(
        (reader) => (reader.op === 'conv2d' || (reader.op === 'maxPool' && nonNegative)) && reader.padding === 'valid',
      )
    );
  }

  private marginsOf(node: GraphNode & { op: 'conv2d' | 'maxPool' | 'averagePool' }, window: readonly [number, number]) {
    const producer = this.byName.get(node.inputs[0]!);
    if (producer?.op === 'zeroPad' && this.isMerged(producer)) return producer.margins;
    return paddingMargins(node.padding, this.shapes.get(node.inputs[0]!)!, window, node.strides);
  }

  private isNonNegative(name: string): boolean {
    const node = this.byName.get(name);
    if (!node) return false;
    if (node.op === 'relu' || node.op === 'softmax') return true;
    const passes = node.op === 'maxPool' || node.op === 'averagePool' || node.op === 'globalPool';
    return (passes || node.op === 'zeroPad') && this.isNonNegative(node.inputs[0]!);
  }

  private leaves({ name }: GraphNode): boolean {
    return Object.values(this.graph.outputs).some((output) => output.node === name);
  }
}

/** The nodes that the requested outputs depend on, in the graph's order: C3 does not run stage 4. */
export function nodesFor(graph: Graph, outputs: readonly OutputName[]): GraphNode[] {
  const needed = new Set(outputs.map((output) => graph.outputs[output]!.node));
  return graph.nodes
    .toReversed()
    .filter((node) => {
      if (!needed.has(node.name)) return false;
      for (const input of node.inputs) needed.add(input);
      return true;
    })
    .reverse();
}
