import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Graph, OutputName } from '../../graph/graph.js';
import { quantizationFor, type Range } from '../../quantization.js';
import type { Weights } from '../../weights/weights.js';
import { Plan } from '../plan.js';
import { QuantizedValues } from '../quantized-values.js';
import { IMAGE_IO, IMAGES } from './image-io.js';
import { lowerStep } from './lower.js';
import { ModelProto } from './model-proto.js';
import { DISABLED_OPTIMIZERS } from './providers.js';

/** Shares of a value's elements that lie above (and below) its percentiles, the smallest first. */
export const TAILS = [1e-5, 1e-4, 1e-3] as const;

/** The range of one value over one image, and the ranges that leave out a share of its elements at either end. */
export interface ObservedRange {
  readonly full: Range;
  /** One for each of `TAILS`. */
  readonly percentiles: readonly Range[];
}

/** Elements of a value that its quantisation error is measured on, spread evenly. */
const SAMPLED = 2 ** 17;

type Data = Readonly<Record<string, Float32Array>>;

/**
 * Runs the float network and looks at the values that an integer network will hold. Extremes, percentiles and errors are
 * computed by nodes of the compiled graph; only those numbers leave it.
 */
export class ValueObserver {
  private readonly plan: Plan;
  private readonly quantized: QuantizedValues;
  private readonly values: readonly string[];

  constructor(
    graph: Graph,
    private readonly weights: Weights,
    private readonly options: { outputs: readonly OutputName[]; size: number; threads: number },
  ) {
    this.plan = new Plan(graph, options.outputs, options.size);
    this.quantized = new QuantizedValues(this.plan);
    this.values = this.quantized.observed();
  }

  /** Whether a value only matters as a term of a sum that a ReLU clips. */
  isClipped(value: string): boolean {
    return this.quantized.clippedWith(value) !== undefined;
  }

  /** Opens a session that gives the range of every value. */
  async ranges(): Promise<Observation<Record<string, ObservedRange>>> {
    const session = await this.compile((model, name, elements) => {
      const flat = model.node('Reshape', `${name}/flat`, [name, integers(model, `${name}/all`, [-1])]);
      const ranks = TAILS.map((share) => Math.min(Math.floor(elements * share), elements - 1));
      const most = integers(model, `${name}/most`, [ranks.at(-1)! + 1]);
      const picks = integers(model, `${name}/picks`, [0, ...ranks]);
      for (const [end, largest] of [
        ['high', 1],
        ['low', 0],
      ] as const) {
        const [sorted] = model.nodes('TopK', [`${name}/${end}/sorted`, `${name}/${end}/at`], [flat, most], { largest });
        model.expose('Gather', `${name}/${end}`, [sorted!, picks]);
      }
    });
    return new Observation(session, this.options.size, (data) =>
      Object.fromEntries(
        this.values.map((name) => {
          const [high, low] = [data[`${name}/high`]!, data[`${name}/low`]!];
          const [full, ...percentiles] = Array.from(high, (max, rank): Range => [low[rank]!, max]);
          return [name, { full: full!, percentiles }];
        }),
      ),
    );
  }

  /**
   * Opens a session that gives, for every value, the noise under each of its candidate ranges: the power of the error as a
   * share of the value's own, so that images of little contrast count as much as others. Of a value that is clipped with
   * another one, it is the noise of what the ReLU lets through.
   */
  async errors(candidates: Readonly<Record<string, readonly Range[]>>): Promise<Observation<Record<string, number[]>>> {
    const session = await this.compile((model, name, elements) => {
      const sampleOf = (value: string) => sampled(model, `${name}/of ${value}`, value, elements);
      const sample = sampleOf(name);
      const other = this.quantized.clippedWith(name);
      const term = other === undefined ? undefined : sampleOf(other);
      const effectOf = (prefix: string, value: string) =>
        term === undefined
          ? value
          : model.node('Relu', `${prefix}/relu`, [model.node('Add', `${prefix}/sum`, [value, term])]);
      const effect = effectOf(name, sample);
      model.expose('ReduceSumSquare', `${name}/power`, [effect], { keepdims: 0 });
      candidates[name]!.forEach((range, candidate) => {
        const prefix = `${name}/${candidate}`;
        const parameters = model.quantization(prefix, quantizationFor(range));
        const q = model.node('QuantizeLinear', `${prefix}/q`, [sample, ...parameters]);
        const back = model.node('DequantizeLinear', `${prefix}/back`, [q, ...parameters]);
        const difference = model.node('Sub', `${prefix}/difference`, [effect, effectOf(prefix, back)]);
        model.expose('ReduceSumSquare', `${prefix}/error`, [difference], { keepdims: 0 });
      });
    });
    return new Observation(session, this.options.size, (data) =>
      Object.fromEntries(
        this.values.map((name) => {
          const power = data[`${name}/power`]![0]! || 1;
          return [name, candidates[name]!.map((_, i) => data[`${name}/${i}/error`]![0]! / power)];
        }),
      ),
    );
  }

  private async compile(
    observe: (model: ModelProto, value: string, elements: number) => void,
  ): Promise<InferenceSession> {
    const { graph } = this.plan;
    const model = new ModelProto();
    const input = IMAGE_IO.input(model, graph.input.normalization, {
      ...this.options,
      dtype: 'float32',
      device: 'cpu',
    });
    const named = (name: string) => (name === graph.input.name ? input : name);
    for (const step of this.plan.steps(this.weights)) {
      lowerStep(model, { ...step, inputs: step.inputs.map(named) }, 'float32');
    }
    for (const name of this.values) observe(model, name, this.plan.elementsOf(name));
    return InferenceSession.create(model.encode('observed'), {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: this.options.threads,
      logSeverityLevel: 3,
      extra: { optimization: DISABLED_OPTIMIZERS },
    });
  }
}

/** A compiled session that looks at images one by one. */
export class Observation<T> {
  constructor(
    private readonly session: InferenceSession,
    private readonly size: number,
    private readonly read: (data: Data) => T,
  ) {}

  /** `pixels` are those of a canvas: uint8 RGB, `[size, size, 3]`. */
  async observe(pixels: Uint8Array): Promise<T> {
    const feed = new Tensor('uint8', pixels, [1, this.size, this.size, 3]);
    const values = await this.session.run({ [IMAGES]: feed });
    return this.read(
      Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, data as Float32Array])),
    );
  }

  close(): Promise<void> {
    return this.session.release();
  }
}

/** Elements of a value, spread evenly over it. */
function sampled(model: ModelProto, name: string, value: string, elements: number): string {
  const flat = model.node('Reshape', `${name}/flat`, [value, integers(model, `${name}/all`, [-1])]);
  // An odd step meets every channel and column.
  const step = Math.ceil(elements / SAMPLED) | 1;
  const bounds = [[0], [elements], [0], [step]].map((at, i) => integers(model, `${name}/slice${i}`, at));
  return model.node('Slice', `${name}/sample`, [flat, ...bounds]);
}

function integers(model: ModelProto, name: string, values: readonly number[]): string {
  return model.constant(name, 'int64', [values.length], BigInt64Array.from(values, BigInt));
}
