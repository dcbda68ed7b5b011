import type { Graph, GraphNode, LevelName, Margins, ZeroPadNode } from '../../graph/graph.js';
import { inferShapes, paddingMargins, type MapShape } from '../../graph/shapes.js';
import type { Weights } from '../../weights/weights.js';
import type { CompileOptions } from '../engine.js';
import { foldBatchNorm } from '../fold-batch-norm.js';
import { nodesFor } from '../prune.js';
import { ModelProto } from './model-proto.js';

/** How a model begins and ends: what its callers hand in and get back. */
export interface ModelEnds {
  /** Adds the input; returns the value (float32 NCHW, normalised) that the graph reads. */
  input(model: ModelProto, options: CompileOptions): string;
  /** Adds the output of one level, from `value` (float32 NCHW) of the given shape. */
  output(model: ModelProto, level: LevelName, value: string, shape: MapShape, options: CompileOptions): void;
}

/**
 * Writes the graph as an ONNX model, with batch norms folded and paddings merged into the
 * convolutions; `ends` puts the first and last nodes.
 */
export function lowerToOnnx(graph: Graph, weights: Weights, options: CompileOptions, ends: ModelEnds): Uint8Array {
  const model = new ModelProto();
  new Lowering(graph, weights, options, model).run(ends);
  return model.encode(`${graph.family}-${graph.architecture}`);
}

class Lowering {
  /** ONNX value (float32 NCHW) that holds each graph node's output. */
  private readonly values = new Map<string, string>();
  private readonly nodes: readonly GraphNode[];
  private readonly readers = new Map<string, GraphNode[]>();
  private readonly shapes: Map<string, MapShape>;

  constructor(
    private readonly graph: Graph,
    private readonly weights: Weights,
    private readonly options: CompileOptions,
    private readonly model: ModelProto,
  ) {
    this.nodes = nodesFor(graph, options.levels);
    this.shapes = inferShapes(graph, options.size, options.size);
    for (const node of this.nodes) {
      for (const input of node.inputs) this.readers.set(input, [...(this.readers.get(input) ?? []), node]);
    }
  }

  run(ends: ModelEnds): void {
    const { graph, options, model } = this;
    this.values.set(graph.input.name, ends.input(model, options));
    for (const node of this.nodes) this.values.set(node.name, this.lowerNode(node));
    for (const level of options.levels) {
      const { node } = graph.outputs[level]!;
      ends.output(model, level, this.values.get(node)!, this.shapes.get(node)!, options);
    }
  }

  private lowerNode(node: GraphNode): string {
    const inputs = node.inputs.map((input) => this.values.get(input)!);
    const [x] = inputs as [string];
    switch (node.op) {
      case 'zeroPad':
        return this.padsConvolutionsOnly(node) ? x : this.lowerPad(node, x);
      case 'conv2d': {
        const norm = this.soleBatchNorm(node.name);
        const { kernel, bias } = foldBatchNorm(node, norm, this.weights);
        const [kh, kw, cin, cout] = node.parameters.kernel as [number, number, number, number];
        const w = this.model.constant(
          `${node.name}/w`,
          'float32',
          [cout, cin, kh, kw],
          toOihw(kernel, kh * kw, cin, cout),
        );
        const b = this.model.constant(`${node.name}/b`, 'float32', [cout], bias);
        const margins = this.convMargins(node);
        return this.model.node('Conv', node.name, [x, w, b], {
          kernel_shape: [...node.kernelSize],
          strides: [...node.strides],
          pads: pads(margins),
        });
      }
      case 'batchNorm': {
        const producer = this.graph.nodes.find((other) => other.name === node.inputs[0]);
        if (producer?.op === 'conv2d' && this.soleBatchNorm(producer.name) === node) return x;
        throw new Error(`${node.name} does not follow a convolution; the onnx engine cannot fold it`);
      }
      case 'relu':
        return this.model.node('Relu', node.name, [x]);
      case 'maxPool': {
        const margins = paddingMargins(node.padding, this.shapes.get(node.inputs[0]!)!, node.poolSize, node.strides);
        return this.model.node('MaxPool', node.name, [x], {
          kernel_shape: [...node.poolSize],
          strides: [...node.strides],
          pads: pads(margins),
        });
      }
      case 'add':
        return this.model.node('Add', node.name, inputs);
    }
  }

  private lowerPad(node: ZeroPadNode, x: string): string {
    const { top, left, bottom, right } = node.margins;
    const margins = BigInt64Array.from([0, 0, top, left, 0, 0, bottom, right], BigInt);
    return this.model.node('Pad', node.name, [x, this.model.constant(`${node.name}/margins`, 'int64', [8], margins)]);
  }

  private soleBatchNorm(conv: string) {
    const readers = this.readers.get(conv) ?? [];
    return readers.length === 1 && readers[0]!.op === 'batchNorm' ? readers[0] : undefined;
  }

  /** Padding before valid convolutions becomes those convolutions' own padding. */
  private padsConvolutionsOnly(node: ZeroPadNode): boolean {
    return (this.readers.get(node.name) ?? []).every((reader) => reader.op === 'conv2d' && reader.padding === 'valid');
  }

  private convMargins(node: GraphNode & { op: 'conv2d' }): Margins {
    const producer = this.nodes.find((other) => other.name === node.inputs[0]);
    if (producer?.op === 'zeroPad' && this.padsConvolutionsOnly(producer)) return producer.margins;
    return paddingMargins(node.padding, this.shapes.get(node.inputs[0]!)!, node.kernelSize, node.strides);
  }
}

function pads({ top, left, bottom, right }: Margins): number[] {
  return [top, left, bottom, right];
}

/** Keras' HWIO to ONNX' OIHW; `taps` is height × width of the kernel. */
function toOihw(kernel: Float32Array, taps: number, cin: number, cout: number): Float32Array {
  const oihw = new Float32Array(kernel.length);
  let from = 0;
  for (let tap = 0; tap < taps; tap++) {
    for (let input = 0; input < cin; input++) {
      for (let output = 0; output < cout; output++) oihw[(output * cin + input) * taps + tap] = kernel[from++]!;
    }
  }
  return oihw;
}
