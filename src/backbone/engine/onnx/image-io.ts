import type { OutputName } from '../../graph/graph.js';
import { LARGEST_UINT8, type QuantizationParameters } from '../../quantization.js';
import { NCHW, permutationFrom, shapeIn, type Dtype } from '../../tensor.js';
import type { PlannedOutput } from '../plan.js';
import type { ModelIo } from './lower.js';
import { ELEMENT_TYPE, type ModelProto } from './model-proto.js';

/** Name of the model's input: uint8, `[batch, size, size, 3]`, RGB. */
export const IMAGES = 'images';

/** What a model tells of a level beside its elements: float32, one value for the whole batch or one per image. */
export type Statistic = 'max' | 'min' | 'sum' | 'scale' | 'zeroPoint';

export function statisticOf(output: OutputName, statistic: Statistic): string {
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

  /** Layout first, type second: ONNX Runtime writes NHWC straight out of its blocked layout, and bytes move fastest. */
  output(model, output, value, options) {
    const { name, shape } = output;
    const { dtype } = options;
    const done = dtype === (value.quantization ? 'uint8' : 'float32');
    const perm = permutationFrom(NCHW, options);
    const ordered = model.node('Transpose', done ? name : `${name}/ordered`, [value.name], { perm });
    if (value.quantization) fromIntegers(model, name, ordered, value.quantization, dtype);
    else fromFloats(model, output, ordered, dtype);
    model.output(name, dtype, ['batch', ...shapeIn(options, shape)]);
  },
};

/** Levels of a network that computes in integers. Their range is known: nothing can be NaN or infinite. */
function fromIntegers(
  model: ModelProto,
  name: OutputName,
  integers: string,
  quantization: QuantizationParameters,
  dtype: Dtype,
): void {
  const parameters = model.quantization(name, quantization);
  if (dtype === 'uint8') {
    exposeParameters(model, name, parameters);
    return;
  }
  const floats = dtype === 'float32' ? name : `${name}/float`;
  model.node('DequantizeLinear', floats, [integers, ...parameters]);
  if (dtype === 'float16') model.node('Cast', name, [floats], { to: ELEMENT_TYPE.float16 });
  const { scale, zeroPoint } = quantization;
  const bounds = { max: scale * (LARGEST_UINT8 - zeroPoint), min: -scale * zeroPoint };
  for (const which of ['max', 'min'] as const) {
    const bound = model.constant(`${name}/bound_${which}`, 'float32', [], Float32Array.of(bounds[which]));
    model.expose('Identity', statisticOf(name, which), [bound]);
  }
}

/** Levels of a network that computes in floating point, with the statistics that show what is not finite. */
function fromFloats(model: ModelProto, { name, signed }: PlannedOutput, floats: string, dtype: Dtype): void {
  // For each image where they decide its integers, else of the whole batch.
  const axes = { keepdims: 0, ...(dtype === 'uint8' && { axes: [1, 2, 3] }) };
  // The extremes show values beyond float16. They may skip NaN, which a sum does not.
  const max = model.expose('ReduceMax', statisticOf(name, 'max'), [floats], axes);
  const min = signed && model.expose('ReduceMin', statisticOf(name, 'min'), [floats], axes);
  model.expose('ReduceSum', statisticOf(name, 'sum'), [floats], { keepdims: 0 });
  if (dtype === 'float16') model.node('Cast', name, [floats], { to: ELEMENT_TYPE.float16 });
  if (dtype !== 'uint8') return;
  const parameters = ownParameters(model, name, max, min);
  model.node('QuantizeLinear', name, [floats, ...parameters], { axis: 0 });
  exposeParameters(model, name, parameters);
}

/** Scale and zero point of each image of a batch from its own extremes; as `quantizationFor`. */
function ownParameters(model: ModelProto, name: OutputName, max: string, min: string | false): [string, string] {
  const number = (suffix: string, value: number) =>
    model.constant(`${name}/${suffix}`, 'float32', [], Float32Array.of(value));
  const nothing = number('nothing', 0);
  const high = model.node('Max', `${name}/high`, [max, nothing]);
  const low = min ? model.node('Min', `${name}/low`, [min, nothing]) : model.node('Mul', `${name}/low`, [max, nothing]);
  const extent = model.node('Sub', `${name}/extent`, [high, low]);
  const step = model.node('Div', `${name}/steps`, [extent, number('integers', LARGEST_UINT8)]);
  // A map of zeros has no range; any scale represents it.
  const positive = model.node('Greater', `${name}/positive`, [step, nothing]);
  const scale = model.node('Where', `${name}/step`, [positive, step, number('one', 1)]);
  const position = model.node('Div', `${name}/position`, [model.node('Neg', `${name}/below`, [low]), scale]);
  const rounded = model.node('Round', `${name}/rounded`, [position]);
  return [scale, model.node('Cast', `${name}/zero`, [rounded], { to: ELEMENT_TYPE.uint8 })];
}

function exposeParameters(model: ModelProto, name: OutputName, [scale, zero]: readonly [string, string]): void {
  model.expose('Identity', statisticOf(name, 'scale'), [scale]);
  model.expose('Cast', statisticOf(name, 'zeroPoint'), [zero], { to: ELEMENT_TYPE.float32 });
}
