import type { Graph, GraphNode, Margins, Padding } from './graph.js';

/** Height, width and channels of one image's map (NHWC without the N). */
export type MapShape = readonly [height: number, width: number, channels: number];

/**
 * The output shape of every node, and of the input, for an input of `height` × `width` pixels.
 *
 * @throws Error when a map would have no rows or columns left.
 */
export function inferShapes(graph: Graph, height: number, width: number): Map<string, MapShape> {
  const shapes = new Map<string, MapShape>([[graph.input.name, [height, width, graph.input.channels]]]);
  for (const node of graph.nodes) {
    const input = shapes.get(node.inputs[0]!);
    if (!input) throw new Error(`${node.name} reads ${node.inputs[0]}, which no earlier node makes`);
    const shape = outputShape(node, input);
    if (shape[0] < 1 || shape[1] < 1) throw new Error(`${node.name} has no pixels left at input ${height}×${width}`);
    shapes.set(node.name, shape);
  }
  return shapes;
}

function outputShape(node: GraphNode, [height, width, channels]: MapShape): MapShape {
  switch (node.op) {
    case 'conv2d': {
      const { kernelSize, strides, padding } = node;
      return [
        outputLength(height, kernelSize[0], strides[0], padding),
        outputLength(width, kernelSize[1], strides[1], padding),
        node.channels,
      ];
    }
    case 'maxPool': {
      const { poolSize, strides, padding } = node;
      return [
        outputLength(height, poolSize[0], strides[0], padding),
        outputLength(width, poolSize[1], strides[1], padding),
        channels,
      ];
    }
    case 'zeroPad': {
      const { top, bottom, left, right } = node.margins;
      return [height + top + bottom, width + left + right, channels];
    }
    case 'batchNorm':
    case 'relu':
    case 'add':
      return [height, width, channels];
  }
}

function outputLength(length: number, window: number, stride: number, padding: Padding): number {
  return padding === 'same' ? Math.ceil(length / stride) : Math.floor((length - window) / stride) + 1;
}

/** The explicit margins that TensorFlow's `same` (or `valid`: none) adds to a map of this size. */
export function paddingMargins(
  padding: Padding,
  [height, width]: MapShape,
  window: readonly [number, number],
  strides: readonly [number, number],
): Margins {
  if (padding === 'valid') return { top: 0, bottom: 0, left: 0, right: 0 };
  const total = (length: number, axis: 0 | 1): number =>
    Math.max(0, (Math.ceil(length / strides[axis]) - 1) * strides[axis] + window[axis] - length);
  const [rows, columns] = [total(height, 0), total(width, 1)];
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  return { top, bottom: rows - top, left, right: columns - left };
}
