import type { LevelName } from '../../graph/graph.js';
import type { ModelEnds } from './lower.js';
import { ELEMENT_TYPE } from './model-proto.js';

/** Name of the model's input: uint8, `[batch, size, size, 3]`, RGB. */
export const IMAGES = 'images';

/** Name of the output that holds the largest value of a level over the whole batch (float32, no axes). */
export function peakOf(level: LevelName): string {
  return `${level}/peak`;
}

/** Name of the output that holds the sum of a level over the whole batch (float32, no axes). */
export function sumOf(level: LevelName): string {
  return `${level}/sum`;
}

/**
 * Pixels in (uint8 NHWC), finished tensors out (NHWC, in the asked type). Mean subtraction, layout
 * and type changes are nodes of the model, so no pixel or feature passes through JavaScript.
 */
export const PIXEL_ENDS: ModelEnds = {
  input(model, { size, normalization }) {
    const images = model.input(IMAGES, 'uint8', ['batch', size, size, 3]);
    // The transpose comes first: it is cheapest on bytes.
    const planar = model.node('Transpose', `${IMAGES}/nchw`, [images], { perm: [0, 3, 1, 2] });
    const floats = model.node('Cast', `${IMAGES}/float`, [planar], { to: ELEMENT_TYPE.float32 });
    const mean = model.constant(`${IMAGES}/mean`, 'float32', [3, 1, 1], Float32Array.from(normalization.mean));
    return model.node('Sub', `${IMAGES}/normalized`, [floats, mean]);
  },

  /** Layout first, type second: ONNX Runtime writes NHWC straight out of its blocked layout. */
  output(model, level, value, [height, width, channels], { dtype }) {
    const name = dtype === 'float32' ? level : `${level}/nhwc`;
    const nhwc = model.node('Transpose', name, [value], { perm: [0, 2, 3, 1] });
    if (dtype === 'float16') model.node('Cast', level, [nhwc], { to: ELEMENT_TYPE.float16 });
    // Levels follow a ReLU, so that the largest value tells of everything beyond float16. A maximum can pass
    // over NaN, a sum cannot.
    model.node('ReduceMax', peakOf(level), [nhwc], { keepdims: 0 });
    model.node('ReduceSum', sumOf(level), [nhwc], { keepdims: 0 });
    model.output(level, dtype, ['batch', height, width, channels]);
    model.output(peakOf(level), 'float32', []);
    model.output(sumOf(level), 'float32', []);
  },
};
