import { levelsOf } from './graph/graph.js';
import { inferShapes } from './graph/shapes.js';
import type { TopOptions } from './graph/resnet-graph.js';
import { summarize, type GraphSummary } from './graph/summary.js';
import { modelGraph, type Model } from './models.js';
import type { Normalization } from './graph/normalization.js';

/** A catalogue entry in numbers, for a canvas of `size` × `size` pixels. */
export interface ModelDescription {
  readonly name: string;
  readonly family: string;
  readonly architecture: string;
  readonly stage5: boolean;
  readonly size: number;
  readonly normalization: Normalization;
  readonly parameters: GraphSummary['parameters'];
  /** Multiply-adds of one image, in units of 10⁹. */
  readonly gmacs: number;
  /** Finest first; `shape` is `[height, width, channels]`, `node` the layer the level leaves. */
  readonly levels: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly stride: number;
    readonly channels: number;
    readonly node: string;
  }[];
}

export function describeModel(model: Model, stage5: boolean, size: number, top: TopOptions = {}): ModelDescription {
  const graph = modelGraph(model, stage5, top);
  const { parameters, macs } = summarize(graph, size);
  const shapes = inferShapes(graph, size, size);
  const { name, family, architecture, normalization } = model;
  return {
    name,
    family,
    architecture,
    stage5,
    size,
    normalization,
    parameters,
    gmacs: macs / 1e9,
    levels: levelsOf(graph).map((level) => {
      const { node, stride, channels } = graph.outputs[level]!;
      return { name: level, shape: shapes.get(node)!, stride, channels, node };
    }),
  };
}
