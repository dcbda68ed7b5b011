import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { Margins } from '../../graph/graph.js';
import { paddingMargins } from '../../graph/shapes.js';
import type { Weights } from '../../weights/weights.js';
import type { Plan, Step } from '../plan.js';
import { groupNorm } from './group-norm.js';
import type { Tf } from './native.js';

/** One step as a function over tensors (float32 NHWC). */
interface Operation {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly run: (...inputs: Tensor4D[]) => Tensor;
}

/** A network whose weights live in TensorFlow.js. */
export interface LoweredNetwork {
  /** Computes the plan's outputs, by value, and disposes of `input`; the caller disposes of the outputs. */
  run(input: Tensor4D): Map<string, Tensor4D>;
  dispose(): void;
}

/** Lowers the plan of a graph to calls of TensorFlow.js, on the backend that is set. */
export function lowerToTensorFlow(tf: Tf, plan: Plan, weights: Weights): LoweredNetwork {
  const constants: Tensor[] = [];
  const keep = <T extends Tensor>(tensor: T): T => {
    constants.push(tensor);
    return tensor;
  };
  const outputs = new Set(plan.outputs.map((output) => output.value));
  const operations = fuse([...plan.steps(weights)], outputs).map((step) => lowerStep(tf, step, keep));
  const lastReader = new Map<string, string>();
  for (const { name, inputs } of operations) for (const input of inputs) lastReader.set(input, name);

  return {
    run(input) {
      const values = new Map<string, Tensor4D>([[plan.graph.input.name, input]]);
      try {
        for (const { name, inputs, run } of operations) {
          values.set(name, tf.tidy(() => run(...inputs.map((key) => values.get(key)!))) as Tensor4D);
          // Maps are disposed of after their last reader: all of them together are gigabytes.
          for (const key of new Set(inputs)) {
            if (lastReader.get(key) !== name || outputs.has(key)) continue;
            values.get(key)!.dispose();
            values.delete(key);
          }
        }
        return values;
      } catch (error) {
        tf.dispose([...values.values()]);
        throw error;
      }
    },
    dispose() {
      for (const constant of constants.splice(0)) constant.dispose();
    },
  };
}

type FusedStep = Step & { readonly activate?: boolean };

/** A ReLU that is a convolution's only reader becomes part of it. */
function fuse(steps: readonly Step[], outputs: ReadonlySet<string>): FusedStep[] {
  const readers = new Map<string, number>();
  for (const input of steps.flatMap((step) => step.inputs)) readers.set(input, (readers.get(input) ?? 0) + 1);
  const convs = new Map(steps.filter((step) => step.op === 'conv2d').map((step) => [step.name, step]));
  const fused = new Set<string>();
  const result: FusedStep[] = [];
  for (const step of steps) {
    const conv = step.op === 'relu' ? convs.get(step.inputs[0]!) : undefined;
    if (!conv || readers.get(conv.name) !== 1 || outputs.has(conv.name)) {
      result.push(step);
      continue;
    }
    fused.add(conv.name);
    result.push({ ...conv, name: step.name, activate: true });
  }
  return result.filter((step) => !fused.has(step.name));
}

function lowerStep(tf: Tf, step: FusedStep, keep: <T extends Tensor>(tensor: T) => T): Operation {
  const { name, inputs } = step;
  const operation = (run: (...inputs: Tensor4D[]) => Tensor): Operation => ({ name, inputs, run });
  switch (step.op) {
    case 'conv2d': {
      const filter = keep(tf.tensor4d(step.kernel, [...step.kernelShape]));
      const bias = keep(tf.tensor1d(step.bias));
      const strides = [...step.strides] as [number, number];
      const activation = step.activate ? 'relu' : 'linear';
      const pad = explicit(step.margins);
      return operation((x) => tf.fused.conv2d({ x, filter, bias, strides, pad, activation }));
    }
    case 'affine': {
      const [factor, offset] = [keep(tf.tensor1d(step.factor)), keep(tf.tensor1d(step.offset))];
      return operation((x) => tf.add(tf.mul(x, factor), offset));
    }
    case 'groupNorm': {
      const [factor, offset] = [keep(tf.tensor1d(step.factor)), keep(tf.tensor1d(step.offset))];
      const { groups, epsilon } = step;
      return operation((x) => tf.add(tf.mul(groupNorm(tf, x, groups, epsilon), factor), offset));
    }
    case 'maxPool':
    case 'averagePool': {
      const [size, strides] = [[...step.size], [...step.strides]] as [number, number][];
      const pool = step.op === 'maxPool' ? tf.maxPool : tf.avgPool;
      return operation((x) => {
        if (isNone(step.margins)) return pool(x, size!, strides!, 'valid');
        const [, height, width, channels] = x.shape;
        const same = paddingMargins('same', [height, width, channels], step.size, step.strides);
        if (isEqual(same, step.margins)) return pool(x, size!, strides!, 'same');
        // No backend pads a pooling on chosen sides. No value is below the least float.
        return pool(tf.pad(x, margins(step.margins), LEAST_FLOAT), size!, strides!, 'valid');
      });
    }
    case 'zeroPad':
      return operation((x) => tf.pad(x, margins(step.margins)));
    case 'upsample':
      return operation((x) => tf.image.resizeNearestNeighbor(x, [x.shape[1] * step.factor, x.shape[2] * step.factor]));
    case 'globalPool':
      return operation((x) => (step.mode === 'avg' ? tf.mean(x, [1, 2], true) : tf.max(x, [1, 2], true)));
    case 'dense': {
      const [cin, cout] = step.kernelShape;
      const [kernel, bias] = [keep(tf.tensor2d(step.kernel, [cin, cout])), keep(tf.tensor1d(step.bias))];
      return operation((x) => {
        const rows = tf.add(tf.matMul(tf.reshape(x, [x.shape[0], cin]), kernel), bias);
        return tf.reshape(rows, [x.shape[0], 1, 1, cout]);
      });
    }
    case 'softmax':
      return operation((x) => tf.softmax(x, -1));
    case 'relu':
      return operation((x) => tf.relu(x));
    case 'add':
      return operation((a, b) => tf.add(a, b));
  }
}

const LEAST_FLOAT = -3.4028234663852886e38;

type Pads = [[number, number], [number, number], [number, number], [number, number]];

/** Around rows and columns of NHWC. */
function margins({ top, bottom, left, right }: Margins): Pads {
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

/** Where nothing is padded, kernels for `valid` are chosen. */
function explicit(around: Margins): 'valid' | Pads {
  return isNone(around) ? 'valid' : margins(around);
}

function isNone({ top, bottom, left, right }: Margins): boolean {
  return top + bottom + left + right === 0;
}

function isEqual(a: Margins, b: Margins): boolean {
  return a.top === b.top && a.bottom === b.bottom && a.left === b.left && a.right === b.right;
}
