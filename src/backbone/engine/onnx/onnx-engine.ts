import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { asCairnError, CairnError } from '../../../errors.js';
import type { Graph, LevelName } from '../../graph/graph.js';
import { BYTES_PER_ELEMENT, type Dtype, type Level } from '../../tensor.js';
import type { Weights } from '../../weights/weights.js';
import type { CompileOptions, Engine, Session } from '../engine.js';
import { clipInfinities, FLOAT16_MAX } from '../float16.js';
import { lowerToOnnx } from './lower.js';
import { IMAGES, peakOf, PIXEL_ENDS, sumOf } from './pixel-ends.js';

/**
 * The cores are shared with decoding and packing. A thread that waits for another sleeps instead of
 * spinning on a core that the other needs, and work is dealt out in shrinking blocks, so that a
 * thread that was held up does not hold up the rest. Alone on the machine neither costs anything
 * measurable; beside the packing of the last image they save 4 % (docs/performance.md).
 */
const SHARED_CORES = { intra_op: { allow_spinning: '0' }, dynamic_block_base: '4' };

/** Lowers graphs to ONNX models held in memory and runs them with ONNX Runtime. */
export class OnnxEngine implements Engine {
  readonly name = 'onnx';

  devices(): readonly string[] {
    return ['cpu'];
  }

  async compile(graph: Graph, weights: Weights, options: CompileOptions): Promise<Session> {
    if (!this.devices().includes(options.device)) {
      const known = this.devices().join(', ');
      throw new CairnError('device-unavailable', `The onnx engine has no device "${options.device}"; it has ${known}.`);
    }
    try {
      const session = await InferenceSession.create(lowerToOnnx(graph, weights, options, PIXEL_ENDS), {
        executionProviders: ['cpu'],
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        intraOpNumThreads: options.threads,
        logSeverityLevel: 3,
        extra: { session: SHARED_CORES },
      });
      return new OnnxSession(session, graph, options);
    } catch (error) {
      throw asCairnError(error, 'engine-failed');
    }
  }
}

class OnnxSession implements Session {
  readonly device: string;

  constructor(
    private readonly session: InferenceSession,
    private readonly graph: Graph,
    private readonly options: CompileOptions,
  ) {
    this.device = options.device;
  }

  async run(images: Uint8Array, batch: number): Promise<Level[][]> {
    const { levels, size } = this.options;
    const feed = new OrtTensor('uint8', images, [batch, size, size, 3]);
    let outputs: InferenceSession.OnnxValueMapType;
    try {
      outputs = await this.session.run({ [IMAGES]: feed });
    } catch (error) {
      throw asCairnError(error, 'engine-failed');
    }
    const byLevel = levels.map((level) => this.split(level, outputs, batch));
    return Array.from({ length: batch }, (_, image) => byLevel.map((images) => images[image]!));
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }

  /** One level of a batch as one level per image: views of the same memory. */
  private split(level: LevelName, outputs: InferenceSession.OnnxValueMapType, batch: number): Level[] {
    const { dtype } = this.options;
    const value = outputs[level] as OrtTensor;
    const [peak, sum] = [scalar(outputs, peakOf(level)), scalar(outputs, sumOf(level))];
    // The sum of large values may overflow; only a NaN in it tells of one in the level.
    if (!Number.isFinite(peak) || Number.isNaN(sum)) {
      throw new CairnError('features-not-finite', `Level ${level} holds NaN or infinity; check the weights.`);
    }
    const values = value.data as unknown as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const shape = value.dims.slice(1);
    const length = bytes.byteLength / batch;
    return Array.from({ length: batch }, (_, image) => {
      const data = bytes.subarray(image * length, (image + 1) * length);
      const clipped = dtype === 'float16' && peak > FLOAT16_MAX && clipInfinities(asUint16(data));
      return { name: level, stride: this.graph.outputs[level]!.stride, tensor: { dtype, shape, data }, clipped };
    });
  }
}

function scalar(outputs: InferenceSession.OnnxValueMapType, name: string): number {
  return (outputs[name] as OrtTensor).data[0] as number;
}

function asUint16(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  return new Uint16Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength / BYTES_PER_ELEMENT['float16' satisfies Dtype],
  );
}
