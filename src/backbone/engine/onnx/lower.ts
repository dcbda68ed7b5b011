import { floatsToHalves } from '../../../formats/float16.js';
import type { Margins } from '../../graph/graph.js';
import type { Normalization } from '../../graph/normalization.js';
import type { Weights } from '../../weights/weights.js';
import type { QuantizationParameters } from '../../quantization.js';
import type { CompileOptions } from '../engine.js';
import { FLOAT16_MAX } from '../float16.js';
import type { Plan, PlannedOutput, Step } from '../plan.js';
import { ELEMENT_TYPE, ModelProto, type ElementType, type ModelProperties } from './model-proto.js';

const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/** The first and last nodes of a model: its inputs and outputs. */
export interface ModelIo {
  /** Adds the input; returns the value (float32 NCHW, normalised) that the graph reads. */
  input(model: ModelProto, normalization: Normalization, options: CompileOptions): string;
  /** Adds one output, from `value` (NCHW). */
  output(model: ModelProto, output: PlannedOutput, value: Value, options: CompileOptions): void;
  /**
   * Zeros around values that may be negative survive in any runtime: ONNX Runtime's `Pad_Fusion`, which the engine disables,
   * turns those before a max-pool into padding that the pool ignores.
   */
  readonly keepsZeros?: boolean;
}

/** A value of the network as the model holds it: in float32, or quantised to uint8. */
export interface Value {
  readonly name: string;
  readonly quantization?: QuantizationParameters;
}

/** Writes the plan of a graph as an ONNX model; `io` adds its inputs and outputs. */
export function lowerToOnnx(
  plan: Plan,
  weights: Weights,
  options: CompileOptions,
  io: ModelIo,
  properties?: ModelProperties,
): Uint8Array {
  const model = new ModelProto();
  const { family, architecture, input: graphInput } = plan.graph;
  const type = options.precision === 'float16' ? 'float16' : 'float32';
  const cast = (value: string, to: ElementType) =>
    type === 'float32' ? value : model.node('Cast', `${value}/${to}`, [value], { to: ELEMENT_TYPE[to] });
  // Values have the names of the steps that produce them, except the input.
  const input = cast(io.input(model, graphInput.normalization, options), 'float16');
  const named = (name: string) => (name === graphInput.name ? input : name);
  for (const planned of plan.steps(weights)) {
    const step = { ...planned, inputs: planned.inputs.map(named) };
    if (step.op === 'zeroPad' && io.keepsZeros) keepZeros(model, step, type);
    else lowerStep(model, step, type);
  }
  for (const output of plan.outputs) {
    io.output(model, output, { name: cast(named(output.value), 'float32') }, options);
  }
  return model.encode(`${family}-${architecture}`, properties);
}

/** Zeros that an operation follows which changes no value: no optimizer merges them into the pool after it. */
function keepZeros(model: ModelProto, step: Step, type: 'float32' | 'float16'): void {
  const name = `${step.name}/zeros`;
  lowerStep(model, { ...step, name }, type);
  const least = Float32Array.of(type === 'float16' ? -FLOAT16_MAX : -LARGEST_FLOAT);
  const data = type === 'float16' ? floatsToHalves(least) : least;
  model.node('Clip', step.name, [name, model.constant(`${step.name}/least`, type, [], data)]);
}

/** Adds the nodes of one step, whose value gets the step's name. */
export function lowerStep(model: ModelProto, step: Step, type: 'float32' | 'float16'): void {
  const { name, inputs } = step;
  const [x] = inputs as [string];
  const constant = (suffix: string, dims: readonly number[], data: Float32Array) =>
    model.constant(`${name}/${suffix}`, type, dims, type === 'float16' ? floatsToHalves(data) : data);
  /** As a batch norm of unit statistics it stays in ONNX Runtime's blocked layout; products and sums do not. */
  const scale = (input: string, { factor, offset }: { factor: Float32Array; offset: Float32Array }) => {
    const channels = [factor.length];
    const statistics = [
      constant('factor', channels, factor),
      constant('offset', channels, offset),
      constant('zeros', channels, new Float32Array(factor.length)),
      constant('ones', channels, new Float32Array(factor.length).fill(1)),
    ];
    model.node('BatchNormalization', name, [input, ...statistics], {}, { epsilon: 0 });
  };
  switch (step.op) {
    case 'conv2d': {
      const [kh, kw, cin, cout] = step.kernelShape;
      const w = constant('w', [cout, cin, kh, kw], toOihw(step.kernel, kh * kw, cin, cout));
      const b = constant('b', [cout], step.bias);
      model.node('Conv', name, [x, w, b], {
        kernel_shape: [kh, kw],
        strides: [...step.strides],
        pads: pads(step.margins),
      });
      return;
    }
    case 'affine':
      scale(x, step);
      return;
    case 'groupNorm': {
      // GroupNormalization came with opset 18, and ONNX Runtime takes it apart as this does: groups are instances.
      const { groups, shape, epsilon } = step;
      const sizes = (suffix: string, axes: number[]) =>
        model.constant(`${name}/${suffix}`, 'int64', [axes.length], BigInt64Array.from(axes, BigInt));
      // 0 keeps the batch axis.
      const grouped = model.node('Reshape', `${name}/grouped`, [x, sizes('groups', [0, groups, -1])]);
      const unit = constant('unit', [groups], new Float32Array(groups).fill(1));
      const zero = constant('zero', [groups], new Float32Array(groups));
      const normed = model.node('InstanceNormalization', `${name}/normed`, [grouped, unit, zero], {}, { epsilon });
      const [height, width, channels] = shape;
      scale(model.node('Reshape', `${name}/map`, [normed, sizes('shape', [0, channels, height, width])]), step);
      return;
    }
    case 'maxPool':
    case 'averagePool':
      model.node(step.op === 'maxPool' ? 'MaxPool' : 'AveragePool', name, [x], {
        kernel_shape: [...step.size],
        strides: [...step.strides],
        pads: pads(step.margins),
      });
      return;
    case 'zeroPad': {
      const [top, left, bottom, right] = pads(step.margins) as [number, number, number, number];
      const margins = BigInt64Array.from([0, 0, top, left, 0, 0, bottom, right], BigInt);
      // A second input is the value to pad with, where that is not 0.
      model.node('Pad', name, [x, model.constant(`${name}/margins`, 'int64', [8], margins), ...inputs.slice(1)]);
      return;
    }
    case 'dense': {
      // A dense layer on one position is a 1×1 convolution.
      const [cin, cout] = step.kernelShape;
      const w = constant('w', [cout, cin, 1, 1], toOihw(step.kernel, 1, cin, cout));
      model.node('Conv', name, [x, w, constant('b', [cout], step.bias)], { kernel_shape: [1, 1] });
      return;
    }
    case 'upsample': {
      const scales = Float32Array.of(1, 1, step.factor, step.factor);
      const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
      // The second input, a region of interest, is left out.
      model.node('Resize', name, [x, '', model.constant(`${name}/scales`, 'float32', [4], scales)], {}, {}, nearest);
      return;
    }
    case 'globalPool':
      model.node(step.mode === 'avg' ? 'GlobalAveragePool' : 'GlobalMaxPool', name, [x]);
      return;
    case 'softmax':
      model.node('Softmax', name, [x], { axis: 1 });
      return;
    case 'relu':
      model.node('Relu', name, [x]);
      return;
    case 'add':
      model.node('Add', name, inputs);
  }
}

export function pads({ top, left, bottom, right }: Margins): number[] {
  return [top, left, bottom, right];
}

/** Keras' HWIO to ONNX' OIHW; `taps` is height × width of the kernel. */
export function toOihw(kernel: Float32Array, taps: number, cin: number, cout: number): Float32Array {
  const oihw = new Float32Array(kernel.length);
  let from = 0;
  for (let tap = 0; tap < taps; tap++) {
    for (let input = 0; input < cin; input++) {
      for (let output = 0; output < cout; output++) oihw[(output * cin + input) * taps + tap] = kernel[from++]!;
    }
  }
  return oihw;
}
