import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { asCairnError, CairnError } from '../../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Level } from '../../tensor.js';
import type { Weights } from '../../weights/weights.js';
import type { CompileOptions, Device, Engine, Session } from '../engine.js';
import { disableTf32, findDevice } from '../devices.js';
import { hasIntegerDotProduct } from '../dot-product.js';
import { finishOutput } from '../finish-output.js';
import { Plan, type PlannedOutput } from '../plan.js';
import { lowerToOnnx } from './lower.js';
import { lowerToInt8 } from './lower-int8.js';
import { IMAGE_IO, IMAGES, statisticOf, type Statistic } from './image-io.js';
import { DISABLED_OPTIMIZERS, listProviders, runtimeVersions, sessionOptions, type Provider } from './providers.js';

/**
 * The cores are shared with decoding and packing. A thread that waits for another sleeps instead of
 * spinning on a core that the other needs, and work is split into shrinking blocks, so that a
 * delayed thread does not delay the rest. Alone on the machine neither costs anything
 * measurable; beside the packing of the last image they save 4 % (docs/performance.md).
 */
const SHARED_CORES = { intra_op: { allow_spinning: '0' }, dynamic_block_base: '4' };

/**
 * Without an integer dot product (VNNI), x64 kernels of uint8 × int8 add pairs of products in 16 bits, which saturate. This
 * makes ONNX Runtime compute uint8 × uint8 instead: exact, but slower everywhere, also where the instructions are present.
 */
const EXACT_INTEGERS = { x64quantprecision: '1' };

/** Lowers graphs to ONNX models held in memory and runs them with ONNX Runtime. */
export class OnnxEngine implements Engine {
  readonly name = 'onnx';

  devices(): readonly Device[] {
    return listProviders();
  }

  versions(): Readonly<Record<string, string>> {
    return runtimeVersions();
  }

  async compile(graph: Graph, weights: Weights, options: CompileOptions): Promise<Session> {
    const { name: provider } = findDevice(this, options.device);
    if (options.precision === 'int8') checkInt8(provider, options);
    disableTf32();
    const plan = new Plan(graph, options.outputs, options.size);
    const lower = options.precision === 'int8' ? lowerToInt8 : lowerToOnnx;
    const exact = options.precision === 'int8' && !(await hasIntegerDotProduct()) && EXACT_INTEGERS;
    try {
      const { session: settings, ...providers } = sessionOptions(provider as Provider);
      const session = await InferenceSession.create(lower(plan, weights, options, IMAGE_IO), {
        ...providers,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        intraOpNumThreads: options.threads,
        logSeverityLevel: 3,
        extra: { session: { ...SHARED_CORES, ...settings, ...exact }, optimization: DISABLED_OPTIMIZERS },
      });
      return new OnnxSession(session, plan.outputs, options);
    } catch (error) {
      throw asCairnError(error, 'engine-failed');
    }
  }
}

/** @throws CairnError where a network of integers cannot be made. */
function checkInt8(provider: string, { ranges }: CompileOptions): void {
  if (!ranges) throw new CairnError('calibration-missing', 'precision=int8 needs a calibration of the weights.');
  if (provider === 'cpu') return;
  throw new CairnError('option-invalid', `precision=int8 runs on the CPU, not on ${provider}; use float16 there.`);
}

class OnnxSession implements Session {
  readonly device: string;

  constructor(
    private readonly session: InferenceSession,
    private readonly outputs: readonly PlannedOutput[],
    private readonly options: CompileOptions,
  ) {
    this.device = options.device;
  }

  async run(images: Uint8Array, batch: number): Promise<Level[][]> {
    const { size } = this.options;
    let values: InferenceSession.OnnxValueMapType;
    try {
      const feed = new OrtTensor('uint8', images, [batch, size, size, 3]);
      values = await this.session.run({ [IMAGES]: feed });
    } catch (error) {
      throw asCairnError(error, 'engine-failed');
    }
    const byOutput = this.outputs.map((output) => this.finish(output, values, batch));
    return Array.from({ length: batch }, (_, image) => byOutput.map((images) => images[image]!));
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }

  private finish(output: PlannedOutput, values: InferenceSession.OnnxValueMapType, batch: number): Level[] {
    const { data } = values[output.name] as OrtTensor;
    const { buffer, byteOffset, byteLength } = data as
      Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
    const statistic = (name: Statistic) => values[statisticOf(output.name, name)]?.data as Float32Array | undefined;
    const [max, min, sum] = [statistic('max'), statistic('min'), statistic('sum')];
    const [scales, zeroPoints] = [statistic('scale'), statistic('zeroPoint')];
    const statistics = { max, min, sum, scales, zeroPoints };
    return finishOutput(output, this.options, new Uint8Array(buffer, byteOffset, byteLength), batch, statistics);
  }
}
