import type { Graph, GraphNode, ParameterName, Shape } from './graph.js';
import { inferShapes, type MapShape } from './shapes.js';

export interface SummaryRow {
  readonly name: string;
  readonly op: GraphNode['op'];
  readonly shape: MapShape;
  readonly parameters: number;
  /** Multiply-adds for one image: those of convolutions and dense layers; biases and element-wise work are not counted. */
  readonly macs: number;
  readonly inputs: readonly string[];
}

export interface GraphSummary {
  readonly rows: readonly SummaryRow[];
  readonly parameters: { readonly total: number; readonly trainable: number; readonly nonTrainable: number };
  readonly macs: number;
}

/** Like `model.summary()` of Keras, for one image of `height` × `width` pixels. Totals include moving statistics. */
export function summarize(graph: Graph, height: number, width: number = height): GraphSummary {
  const shapes = inferShapes(graph, height, width);
  const rows = graph.nodes.map((node): SummaryRow => {
    const shape = shapes.get(node.name)!;
    const kernel = node.parameters.kernel;
    return {
      name: node.name,
      op: node.op,
      shape,
      parameters: sum(Object.values(node.parameters).map(sizeOf)),
      macs: kernel ? sizeOf(kernel) * shape[0] * shape[1] : 0,
      inputs: node.inputs,
    };
  });
  const total = sum(rows.map((row) => row.parameters));
  const nonTrainable = sum(graph.nodes.flatMap((node) => MOVING.map((name) => sizeOf(node.parameters[name] ?? [0]))));
  return {
    rows,
    parameters: { total, trainable: total - nonTrainable, nonTrainable },
    macs: sum(rows.map((row) => row.macs)),
  };
}

const MOVING: readonly ParameterName[] = ['moving_mean', 'moving_variance'];

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((size, length) => size * length, 1);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
