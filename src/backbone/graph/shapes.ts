import { CairnError } from '../../errors.js';
import type { Graph, GraphNode, Margins, Padding } from './graph.js';

/** Height, width and channels of one image's map (NHWC without the N). */
export type MapShape = readonly [height: number, width: number, channels: number];

/**
 * The output shape of every node, and of the input, for an input of `height` × `width` pixels.
 *
 * @throws CairnError `option-invalid` when a map would have no rows or columns, or a classifier is
 *   made for another size.
 */
export function inferShapes(graph: Graph, height: number, width: number): Map<string, MapShape> {
  const shapes = new Map<string, MapShape>([[graph.input.name, [height, width, graph.input.channels]]]);
  for (const node of graph.nodes) {
    const input = shapes.get(node.inputs[0]!);
    if (!input) throw new Error(`${node.name} reads ${node.inputs[0]}, which no earlier node produces`);
    const shape = outputShape(node, input);
    if (shape[0] < 1 || shape[1] < 1) {
      throw new CairnError('option-invalid', `At ${height}×${width} pixels no map is left for ${node.name}.`);
    }
    if (node.op === 'dense' && (input[0] !== 1 || input[1] !== 1)) {
      throw new CairnError(
        'option-invalid',
        `The classifier ${node.name} is made for images of another size than ${height}×${width}; 224 is usual.`,
      );
    }
    const other = node.op === 'add' ? shapes.get(node.inputs[1]!)! : shape;
    if (other.some((length, axis) => length !== shape[axis])) {
      throw new CairnError(
        'option-invalid',
        `At ${height}×${width} pixels ${node.name} would add maps of ${shape.join('×')} and ${other.join('×')}.`,
      );
    }
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
    case 'maxPool':
    case 'averagePool': {
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
    case 'upsample':
      return [height * node.factor, width * node.factor, channels];
    case 'globalPool':
    case 'dense':
      return [1, 1, node.channels];
    case 'batchNorm':
    case 'groupNorm':
    case 'scale':
    case 'relu':
    case 'add':
    case 'softmax':
      return [height, width, channels];
  }
}

function outputLength(length: number, window: number, stride: number, padding: Padding): number {
  if (padding === 'same') return Math.ceil(length / stride);
  const margin = padding === 'valid' ? 0 : padding;
  return Math.floor((length + 2 * margin - window) / stride) + 1;
}

/** The explicit margins that a padding adds to a map of this size. */
export function paddingMargins(
  padding: Padding,
  [height, width]: MapShape,
  window: readonly [number, number],
  strides: readonly [number, number],
): Margins {
  if (padding !== 'same') {
    const margin = padding === 'valid' ? 0 : padding;
    return { top: margin, bottom: margin, left: margin, right: margin };
  }
  const total = (length: number, axis: 0 | 1): number =>
    Math.max(0, (Math.ceil(length / strides[axis]) - 1) * strides[axis] + window[axis] - length);
  const [rows, columns] = [total(height, 0), total(width, 1)];
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)];
  return { top, bottom: rows - top, left, right: columns - left };
}
