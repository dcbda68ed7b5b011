import { CairnError } from '../../../errors.js';
import { roundHalfToEven } from '../../../formats/round-half-to-even.js';
import { quantizationFor, type QuantizationParameters, type Range } from '../../quantization.js';
import type { Weights } from '../../weights/weights.js';
import type { CompileOptions } from '../engine.js';
import type { Plan, Step } from '../plan.js';
import { inputRange, QuantizedValues } from '../quantized-values.js';
import { lowerStep, pads, toOihw, type ModelIo, type Value } from './lower.js';
import { ModelProto, type ModelProperties } from './model-proto.js';

/** Weights are symmetric, −127 … 127: their zero point is 0, and integer kernels need no correction for it. */
const LARGEST_INT8 = 127;
/** Biases are int32 in units of input scale × weight scale, which therefore may not be too small. */
const LARGEST_BIAS = 2 ** 30;

/**
 * Writes the plan of a graph as an ONNX model that computes in 8-bit integers, in the QDQ form: every operation stands
 * between DequantizeLinear and QuantizeLinear, and ONNX Runtime replaces each such group by its integer kernel.
 * Activations are uint8 with one scale per value, weights int8 with one scale per output channel, biases int32.
 *
 * `options.ranges` holds those of the values that `QuantizedValues.observed` names.
 */
export function lowerToInt8(
  plan: Plan,
  weights: Weights,
  options: CompileOptions,
  io: ModelIo,
  properties?: ModelProperties,
): Uint8Array {
  const { family, architecture, input } = plan.graph;
  const lowering = new Int8Lowering(new QuantizedValues(plan), options.ranges!);
  const { model } = lowering;
  const pixels = io.input(model, input.normalization, options);
  lowering.quantize(input.name, pixels, quantizationFor(inputRange(input.normalization)));
  for (const step of plan.steps(weights)) lowering.add(step);
  for (const output of plan.outputs) io.output(model, output, lowering.value(output.value), options);
  return model.encode(`${family}-${architecture}-int8`, properties);
}

class Int8Lowering {
  readonly model = new ModelProto();
  private readonly values = new Map<string, Value>();
  /** DequantizeLinear nodes belong to one reader each: ONNX Runtime fuses them with it. */
  private readers = 0;

  constructor(
    private readonly quantized: QuantizedValues,
    private readonly ranges: Readonly<Record<string, Range>>,
  ) {}

  value(name: string): Value {
    return this.values.get(name)!;
  }

  /** Holds a float value as integers under `name`. */
  quantize(name: string, float: string, quantization: QuantizationParameters): void {
    const q = this.model.node('QuantizeLinear', `${name}/q`, [float, ...this.model.quantization(name, quantization)]);
    this.values.set(name, { name: q, quantization });
  }

  add(step: Step): void {
    switch (step.op) {
      case 'conv2d': {
        const [kh, kw, cin, cout] = step.kernelShape;
        const kernel = toOihw(step.kernel, kh * kw, cin, cout);
        const attributes = { kernel_shape: [kh, kw], strides: [...step.strides], pads: pads(step.margins) };
        this.convolution(step, kernel, [cout, cin, kh, kw], step.bias, attributes);
        break;
      }
      case 'affine': {
        // A factor and an offset per channel is a convolution of one weight per channel, which int8 holds exactly.
        const channels = step.factor.length;
        const attributes = { kernel_shape: [1, 1], group: channels };
        this.convolution(step, step.factor, [channels, 1, 1, 1], step.offset, attributes);
        break;
      }
      case 'maxPool':
      case 'upsample':
      case 'zeroPad':
        this.move(step);
        break;
      case 'add':
      case 'averagePool':
      case 'groupNorm':
        this.finish(step.name, this.float(step));
        break;
      case 'relu':
        // Where the step before it has not done its work already.
        if (!this.values.has(step.name)) this.finish(step.name, this.float(step));
        break;
      case 'globalPool':
      case 'dense':
      case 'softmax':
        this.values.set(step.name, { name: this.float(step) });
    }
  }

  private convolution(
    { name, inputs }: Step,
    kernel: Float32Array,
    shape: readonly [number, number, number, number],
    bias: Float32Array,
    attributes: Record<string, number | number[]>,
  ): void {
    const { model } = this;
    const [x] = inputs as [string];
    const inputScale = this.value(x).quantization!.scale;
    const { integers, scales } = quantizeKernel(kernel, shape[0], bias, inputScale);
    const biasScales = scales.map((scale) => scale * inputScale);
    const biases = Int32Array.from(bias, (value, channel) => roundHalfToEven(value / biasScales[channel]!));
    const dequantized = (suffix: string, tensor: string, scale: Float32Array, zeros: string) => {
      const scaleName = model.constant(`${name}/${suffix}/scale`, 'float32', [scale.length], scale);
      return model.node('DequantizeLinear', `${name}/${suffix}/float`, [tensor, scaleName, zeros], { axis: 0 });
    };
    const channels = [shape[0]];
    const weightZeros = model.constant(`${name}/w/zero`, 'int8', channels, new Int8Array(shape[0]));
    const w = dequantized('w', model.constant(`${name}/w`, 'int8', shape, integers), scales, weightZeros);
    const biasZeros = model.constant(`${name}/b/zero`, 'int32', channels, new Int32Array(shape[0]));
    const b = dequantized('b', model.constant(`${name}/b`, 'int32', channels, biases), biasScales, biasZeros);
    this.finish(name, model.node('Conv', `${name}/float`, [this.dequantized(x), w, b], attributes));
  }

  /** Holds what a step computed, after the ReLU that follows where that needs no node. */
  private finish(step: string, float: string): void {
    const name = this.quantized.reluAfter(step) ?? step;
    const range = this.ranges[name];
    if (!range) {
      throw new CairnError(
        'calibration-incomplete',
        `The calibration has no range for ${name}: it is of other levels.`,
      );
    }
    const [min, max] = range;
    this.quantize(name, float, quantizationFor(name === step ? [min, max] : [0, max]));
  }

  /** Operations that select or repeat elements work on the integers. */
  private move(step: Step): void {
    const input = this.value(step.inputs[0]!);
    const name = `${step.name}/q`;
    if (step.op === 'zeroPad') {
      const zero = this.model.constant(`${name}/zero`, 'uint8', [], Uint8Array.of(input.quantization!.zeroPoint));
      lowerStep(this.model, { ...step, name, inputs: [input.name, zero] }, 'float32');
    } else lowerStep(this.model, { ...step, name, inputs: [input.name] }, 'float32');
    this.values.set(step.name, { ...input, name });
  }

  private float(step: Step): string {
    const name = `${step.name}/float`;
    lowerStep(this.model, { ...step, name, inputs: step.inputs.map((input) => this.dequantized(input)) }, 'float32');
    return name;
  }

  private dequantized(value: string): string {
    const { name, quantization } = this.value(value);
    if (!quantization) return name;
    const reader = `${value}/float${this.readers++}`;
    return this.model.node('DequantizeLinear', reader, [name, ...this.model.quantization(reader, quantization)]);
  }
}

/** `kernel` is `[outputs, …]`. */
function quantizeKernel(
  kernel: Float32Array,
  outputs: number,
  bias: Float32Array,
  inputScale: number,
): { integers: Int8Array; scales: Float32Array } {
  const taps = kernel.length / outputs;
  const scales = new Float32Array(outputs);
  const integers = new Int8Array(kernel.length);
  for (let output = 0; output < outputs; output++) {
    const weights = kernel.subarray(output * taps, (output + 1) * taps);
    const peak = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    const least = Math.abs(bias[output]!) / (inputScale * LARGEST_BIAS);
    scales[output] = Math.max(peak / LARGEST_INT8, least) || 1;
    const scale = scales[output]!;
    weights.forEach((weight, tap) => (integers[output * taps + tap] = roundHalfToEven(Math.fround(weight / scale))));
  }
  return { integers, scales };
}
