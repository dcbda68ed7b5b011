import type { OutputName } from '../../graph/graph.js';
import type { Normalization } from '../../graph/normalization.js';
import { LARGEST_UINT8, type QuantizationParameters } from '../../quantization.js';
import { NCHW, permutationFrom, shapeIn, type Dtype } from '../../tensor.js';
import type { CompileOptions } from '../engine.js';
import type { PlannedOutput } from '../plan.js';
import type { ModelIo, Value } from './lower.js';
import { ELEMENT_TYPE, type Dimensions, type ModelProto } from './model-proto.js';

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
  input: readPixels,
  output: (model, output, value, options) => finishLevel(model, output, value, options, true),
};

/** As `IMAGE_IO`, for a model that other programs run: without the statistics by which the engine checks the levels. */
export const EXPORT_IO: ModelIo = {
  input: readPixels,
  output: (model, output, value, options) => finishLevel(model, output, value, options, false),
  keepsZeros: true,
};

function readPixels(model: ModelProto, { channelOrder, mean, std }: Normalization, { size }: CompileOptions): string {
  const images = model.input(IMAGES, 'uint8', ['batch', size, size, 3]);
  // Transposed first: that is cheapest on bytes. Reordered as floats: WebGPU's Gather has no uint8.
  const planar = model.node('Transpose', `${IMAGES}/nchw`, [images], { perm: [0, 3, 1, 2] });
  let floats = model.node('Cast', `${IMAGES}/float`, [planar], { to: ELEMENT_TYPE.float32 });
  if (channelOrder === 'bgr') {
    const order = model.constant(`${IMAGES}/order`, 'int64', [3], BigInt64Array.of(2n, 1n, 0n));
    floats = model.node('Gather', `${IMAGES}/bgr`, [floats, order], { axis: 1 });
  }
  const perChannel = (name: string, values: readonly number[]) =>
    model.constant(`${IMAGES}/${name}`, 'float32', [3, 1, 1], Float32Array.from(values));
  const centred = model.node('Sub', `${IMAGES}/centred`, [floats, perChannel('mean', mean)]);
  if (std.every((value) => value === 1)) return centred;
  return model.node('Div', `${IMAGES}/normalized`, [centred, perChannel('std', std)]);
}

/** Layout first, type second: ONNX Runtime writes NHWC straight out of its blocked layout, and bytes move fastest. */
function finishLevel(
  model: ModelProto,
  output: PlannedOutput,
  value: Value,
  options: CompileOptions,
  checked: boolean,
): void {
  const { name, shape } = output;
  const { dtype } = options;
  const done = dtype === (value.quantization ? 'uint8' : 'float32');
  const perm = permutationFrom(NCHW, options);
  const ordered = model.node('Transpose', done ? name : `${name}/ordered`, [value.name], { perm });
  if (value.quantization) fromIntegers(model, name, ordered, value.quantization, dtype, checked);
  else fromFloats(model, output, ordered, dtype, checked);
  model.output(name, dtype, ['batch', ...shapeIn(options, shape)]);
}

/** Levels of a network that computes in integers. Their range is known: nothing can be NaN or infinite. */
function fromIntegers(
  model: ModelProto,
  name: OutputName,
  integers: string,
  quantization: QuantizationParameters,
  dtype: Dtype,
  checked: boolean,
): void {
  const parameters = model.quantization(name, quantization);
  if (dtype === 'uint8') {
    exposeParameters(model, name, parameters, []);
    return;
  }
  const floats = dtype === 'float32' ? name : `${name}/float`;
  model.node('DequantizeLinear', floats, [integers, ...parameters]);
  if (dtype === 'float16') model.node('Cast', name, [floats], { to: ELEMENT_TYPE.float16 });
  if (!checked) return;
  const { scale, zeroPoint } = quantization;
  const bounds = { max: scale * (LARGEST_UINT8 - zeroPoint), min: -scale * zeroPoint };
  for (const which of ['max', 'min'] as const) {
    const bound = model.constant(`${name}/bound_${which}`, 'float32', [], Float32Array.of(bounds[which]));
    model.expose('Identity', statisticOf(name, which), [bound]);
  }
}

/** Levels of a network that computes in floating point, where `checked` with what shows whether they are finite. */
function fromFloats(
  model: ModelProto,
  { name, signed }: PlannedOutput,
  floats: string,
  dtype: Dtype,
  checked: boolean,
): void {
  if (dtype === 'float16') model.node('Cast', name, [floats], { to: ELEMENT_TYPE.float16 });
  if (!checked && dtype !== 'uint8') return;
  // For each image where they decide its integers, else of the whole batch.
  const axes = { keepdims: 0, ...(dtype === 'uint8' && { axes: [1, 2, 3] }) };
  const extreme = (opType: string, which: 'max' | 'min') => {
    const value = statisticOf(name, which);
    return checked ? model.expose(opType, value, [floats], axes) : model.node(opType, value, [floats], axes);
  };
  // The extremes show values beyond float16. They may skip NaN, which a sum does not.
  const max = extreme('ReduceMax', 'max');
  const min = signed && extreme('ReduceMin', 'min');
  if (checked) model.expose('ReduceSum', statisticOf(name, 'sum'), [floats], { keepdims: 0 });
  if (dtype !== 'uint8') return;
  const parameters = ownParameters(model, name, max, min);
  model.node('QuantizeLinear', name, [floats, ...parameters], { axis: 0 });
  exposeParameters(model, name, parameters, ['batch']);
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

/** Adds outputs by which the integers of a level are decoded, in float32: one value, or one per image. */
function exposeParameters(
  model: ModelProto,
  name: OutputName,
  [scale, zero]: readonly [string, string],
  dims: Dimensions,
): void {
  model.output(model.node('Identity', statisticOf(name, 'scale'), [scale]), 'float32', dims);
  const to = ELEMENT_TYPE.float32;
  model.output(model.node('Cast', statisticOf(name, 'zeroPoint'), [zero], { to }), 'float32', dims);
}
