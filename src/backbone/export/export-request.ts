import type { CompileOptions } from '../engine/engine.js';
import type { Graph, OutputName } from '../graph/graph.js';
import type { Weights } from '../weights/weights.js';

/** A network with its weights, as a file for other runtimes. */
export interface ExportRequest extends Pick<CompileOptions, 'dtype' | 'layout' | 'precision' | 'ranges' | 'size'> {
  /** Entry of the catalogue. */
  readonly model: string;
  readonly graph: Graph;
  readonly weights: Weights;
  /** What the file returns, in this order. */
  readonly levels: readonly OutputName[];
  readonly calibrationDigest?: string | undefined;
  readonly softwareVersion: string;
}

/** `placeOnSquare` in words. */
const CANVAS =
  'enlarged until the shorter side has 800/1024 of the size, shrunk where the longer would not fit, centred, padded with 0 ' +
  "(Mask_RCNN's resize_image, mode square)";

/**
 * What an exported network says of itself, as texts by name: those of a feature set that it shares, and how pixels have to be
 * prepared. The network subtracts `mean` and divides by `std` itself.
 */
export function exportMetadata(request: ExportRequest): Record<string, string> {
  const { model, graph, weights, levels, calibrationDigest, softwareVersion } = request;
  const { normalization } = graph.input;
  const strides = Object.fromEntries(levels.map((level) => [level, graph.outputs[level]!.stride]));
  return {
    model,
    levels: levels.join(','),
    strides: JSON.stringify(strides),
    precision: request.precision ?? 'float32',
    weights: weights.source,
    weightsDigest: weights.digest,
    ...(calibrationDigest !== undefined && { calibrationDigest }),
    preprocessing: JSON.stringify({ pixels: 'RGB, 0–255', canvas: CANVAS, ...normalization, normalizedInside: true }),
    softwareVersion,
  };
}
