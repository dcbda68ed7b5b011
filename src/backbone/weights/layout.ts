import type { Shape } from '../graph/graph.js';
import { sizeOf } from '../graph/summary.js';

/**
 * The order of a kernel's axes in a file. `hwio` is the graph's (TensorFlow, Keras): convolutions
 * `[height, width, in, out]`, dense layers `[in, out]`. `oihw` is PyTorch's: `[out, in, height, width]`
 * and `[out, in]`. Vectors are the same in both.
 */
export type Layout = 'hwio' | 'oihw';

/** The shape that a parameter of shape `shape` in the graph has in a file of this layout. */
export function shapeInFile(shape: Shape, layout: Layout): Shape {
  if (layout === 'hwio' || shape.length < 2) return shape;
  const [outputs, inputs] = [shape.at(-1)!, shape.at(-2)!];
  return [outputs, inputs, ...shape.slice(0, -2)];
}

/**
 * Whether a tensor of shape `found` is a parameter of this shape. A dense layer may be stored as a 1×1
 * convolution (slim) and vice versa: the values are the same.
 */
export function fitsShape(found: Shape, shape: Shape, layout: Layout): boolean {
  const expected = shapeInFile(shape, layout);
  if (sameShape(found, expected)) return true;
  return expected.length >= 2 && sameShape(withoutUnitWindow(found, layout), withoutUnitWindow(expected, layout));
}

/** Values in a file's layout → the same values in the graph's, for a parameter of shape `shape` in the graph. */
export function toGraphLayout(values: Float32Array, shape: Shape, layout: Layout): Float32Array {
  if (layout === 'hwio' || shape.length < 2) return values;
  const [outputs, inputs] = [shape.at(-1)!, shape.at(-2)!];
  const window = sizeOf(shape) / (outputs * inputs);
  const turned = new Float32Array(values.length);
  for (let o = 0, from = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let tap = 0; tap < window; tap++) turned[(tap * inputs + i) * outputs + o] = values[from++]!;
    }
  }
  return turned;
}

function withoutUnitWindow(shape: Shape, layout: Layout): Shape {
  if (shape.length !== 4) return shape;
  const [window, rest] = layout === 'hwio' ? [shape.slice(0, 2), shape.slice(2)] : [shape.slice(2), shape.slice(0, 2)];
  return window.every((length) => length === 1) ? rest : shape;
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}
