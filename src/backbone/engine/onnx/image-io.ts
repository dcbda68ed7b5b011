import type { OutputName } from '../../graph/graph.js';
import { NCHW, permutationFrom, shapeIn } from '../../tensor.js';
import type { ModelIo } from './lower.js';
import { ELEMENT_TYPE } from './model-proto.js';

/** Name of the model's input: uint8, `[batch, size, size, 3]`, RGB. */
export const IMAGES = 'images';

/** Names of the statistics of one output over the whole batch (float32, no axes). */
export function statisticOf(output: OutputName, statistic: 'max' | 'min' | 'sum'): string {
  return `${output}/${statistic}`;
}

/**
 * Pixels in (uint8 NHWC), finished tensors out (NHWC, in the requested type). Normalisation, layout and
 * type changes are nodes of the model, so no pixel or feature passes through JavaScript.
 */
export const IMAGE_IO: ModelIo = {
  input(model, { channelOrder, mean, std }, { size }) {
    const images = model.input(IMAGES, 'uint8', ['batch', size, size, 3]);
    // Transposed and reordered first: both are cheapest on bytes.
    let planar = model.node('Transpose', `${IMAGES}/nchw`, [images], { perm: [0, 3, 1, 2] });
    if (channelOrder === 'bgr') {
      const order = model.constant(`${IMAGES}/order`, 'int64', [3], BigInt64Array.of(2n, 1n, 0n));
      planar = model.node('Gather', `${IMAGES}/bgr`, [planar, order], { axis: 1 });
    }
    const floats = model.node('Cast', `${IMAGES}/float`, [planar], { to: ELEMENT_TYPE.float32 });
    const perChannel = (name: string, values: readonly number[]) =>
      model.constant(`${IMAGES}/${name}`, 'float32', [3, 1, 1], Float32Array.from(values));
    const centred = model.node('Sub', `${IMAGES}/centred`, [floats, perChannel('mean', mean)]);
    if (std.every((value) => value === 1)) return centred;
    return model.node('Div', `${IMAGES}/normalized`, [centred, perChannel('std', std)]);
  },

  /** Layout first, type second: ONNX Runtime writes NHWC straight out of its blocked layout. */
  output(model, { name: output, shape, signed }, value, options) {
    const { dtype } = options;
    const name = dtype === 'float32' ? output : `${output}/ordered`;
    const ordered = model.node('Transpose', name, [value], { perm: permutationFrom(NCHW, options) });
    if (dtype === 'float16') model.node('Cast', output, [ordered], { to: ELEMENT_TYPE.float16 });
    model.output(output, dtype, ['batch', ...shapeIn(options, shape)]);
    // The extremes show values beyond float16. They may skip NaN, which a sum does not.
    const statistic = (opType: string, which: 'max' | 'min' | 'sum') => {
      const name = model.node(opType, statisticOf(output, which), [ordered], { keepdims: 0 });
      model.output(name, 'float32', []);
    };
    statistic('ReduceMax', 'max');
    if (signed) statistic('ReduceMin', 'min');
    statistic('ReduceSum', 'sum');
  },
};
