import type { Tensor4D } from '@tensorflow/tfjs-core';
import { asCairnError, CairnError } from '../../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Normalization } from '../../graph/normalization.js';
import { NHWC, permutationFrom, type Level } from '../../tensor.js';
import type { Weights } from '../../weights/weights.js';
import type { CompileOptions, Device, Engine, Session } from '../engine.js';
import { findDevice, missingGpu } from '../devices.js';
import { finishOutput } from '../finish-output.js';
import { Plan, type PlannedOutput } from '../plan.js';
import { lowerToTensorFlow, type LoweredNetwork } from './lower.js';
import { loadPixels, readOutput, type Runtime } from './native.js';
import { quantizeBatch } from './quantize.js';
import { loadNative, loadWasm, nativeUnavailableReason, runtimeVersions } from './runtime.js';

/** Loads the runtime of each device. */
const RUNTIMES: Readonly<Record<string, (threads: number) => Runtime | Promise<Runtime>>> = {
  gpu: (threads) => loadNative('gpu', threads),
  cpu: (threads) => loadNative('cpu', threads),
  wasm: loadWasm,
};

/** Lowers graphs to TensorFlow.js and runs them on the native library, or on WebAssembly. */
export class TensorFlowEngine implements Engine {
  readonly name = 'tensorflow';

  devices(): readonly Device[] {
    const native = nativeUnavailableReason();
    const gpu = native ?? missingGpu('nvidia');
    return [
      { name: 'gpu', gpu: true, ...(gpu && { missing: gpu }) },
      { name: 'cpu', gpu: false, ...(native && { missing: native }) },
      { name: 'wasm', gpu: false },
    ];
  }

  versions(): Readonly<Record<string, string>> {
    return runtimeVersions();
  }

  async compile(graph: Graph, weights: Weights, options: CompileOptions): Promise<Session> {
    const { device, outputs, size, threads, precision = 'float32' } = options;
    if (precision !== 'float32') {
      throw new CairnError('option-invalid', `The tensorflow engine computes in float32, not in ${precision}.`);
    }
    const runtime = await RUNTIMES[findDevice(this, device).name]!(threads);
    const plan = new Plan(graph, outputs, size);
    try {
      select(runtime);
      return new TensorFlowSession(runtime, lowerToTensorFlow(runtime.tf, plan, weights), plan, options);
    } catch (error) {
      throw asCairnError(error, 'engine-failed');
    }
  }
}

/**
 * The backend is global to TensorFlow.js, and sessions of several backends may coexist. A loaded backend is
 * set synchronously, so it stays set for the rest of the same turn.
 */
function select({ tf, backend }: Runtime): void {
  if (tf.getBackend() !== backend) void tf.setBackend(backend);
}

class TensorFlowSession implements Session {
  readonly device: string;

  constructor(
    private readonly runtime: Runtime,
    private readonly network: LoweredNetwork,
    private readonly plan: Plan,
    private readonly options: CompileOptions,
  ) {
    this.device = options.device;
  }

  run(images: Uint8Array, batch: number): Promise<Level[][]> {
    try {
      select(this.runtime);
      return Promise.resolve(this.compute(images, batch));
    } catch (error) {
      return Promise.reject(asCairnError(error, 'engine-failed'));
    }
  }

  dispose(): Promise<void> {
    this.network.dispose();
    return Promise.resolve();
  }

  private compute(images: Uint8Array, batch: number): Level[][] {
    const values = this.network.run(this.normalized(images, batch));
    try {
      const byOutput = this.plan.outputs.map((output) => this.finish(output, values.get(output.value)!, batch));
      return Array.from({ length: batch }, (_, image) => byOutput.map((levels) => levels[image]!));
    } finally {
      this.runtime.tf.dispose([...values.values()]);
    }
  }

  private normalized(images: Uint8Array, batch: number): Tensor4D {
    const { tf } = this.runtime;
    const { size } = this.options;
    const { channelOrder, mean, std }: Normalization = this.plan.graph.input.normalization;
    return tf.tidy(() => {
      const pixels = loadPixels(this.runtime, images, [batch, size, size, 3]);
      const ordered = channelOrder === 'bgr' ? tf.reverse(pixels, 3) : pixels;
      const centred = tf.sub(ordered, tf.tensor1d([...mean]));
      return (std.every((value) => value === 1) ? centred : tf.div(centred, tf.tensor1d([...std]))) as Tensor4D;
    });
  }

  private finish(output: PlannedOutput, value: Tensor4D, batch: number): Level[] {
    const { tf } = this.runtime;
    const { options } = this;
    const statistics = tf.tidy(() => ({
      max: tf.max(value).dataSync(),
      min: output.signed ? tf.min(value).dataSync() : undefined,
      sum: tf.sum(value).dataSync(),
    }));
    const permutation = permutationFrom(NHWC, options);
    const inOrder = permutation.every((axis, i) => axis === i);
    const ordered = inOrder ? value : tf.transpose(value, permutation);
    try {
      if (options.dtype === 'uint8') {
        const { bytes, ...parameters } = quantizeBatch(tf, ordered);
        return finishOutput(output, options, bytes, batch, { ...statistics, ...parameters });
      }
      return finishOutput(output, options, readOutput(this.runtime, ordered, options.dtype), batch, statistics);
    } finally {
      if (!inOrder) ordered.dispose();
    }
  }
}
