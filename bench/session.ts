import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { CompileOptions } from '../src/backbone/engine/engine.js';
import { lowerToOnnx, type ModelIo } from '../src/backbone/engine/onnx/lower.js';
import { OnnxEngine } from '../src/backbone/engine/onnx/onnx-engine.js';
import { Plan } from '../src/backbone/engine/plan.js';
import type { Graph } from '../src/backbone/graph/graph.js';
import type { Weights } from '../src/backbone/weights/weights.js';
import { randomPixels } from '../src/cli/bench.js';
import { median, ratios } from './statistics.js';

/** The same graph without Cairn's ends: float32 NCHW in, float32 NCHW out. */
const PLAIN_IO: ModelIo = {
  input: (model, _, { size }) => model.input('x', 'float32', ['batch', 3, size, size]),
  output: (model, { name, shape: [height, width, channels] }, value) => {
    model.node('Identity', name, [value.name]);
    model.output(name, 'float32', ['batch', channels, height, width]);
  },
};

export interface SessionResult {
  readonly cairnMs: number;
  readonly plainMs: number;
  /** Cairn's session over the plain one, median of the pairs. */
  readonly ratio: number;
}

/** What pixels in and finished tensors out cost, against ONNX Runtime on bare float tensors; run by run in turn. */
export async function benchSession(
  graph: Graph,
  weights: Weights,
  options: CompileOptions,
  rounds: number,
): Promise<SessionResult> {
  const cairn = await new OnnxEngine().compile(graph, weights, options);
  const plain = await InferenceSession.create(
    lowerToOnnx(new Plan(graph, options.outputs, options.size), weights, options, PLAIN_IO),
    {
      graphOptimizationLevel: 'all',
      intraOpNumThreads: options.threads,
    },
  );
  const { size } = options;
  const pixels = randomPixels(size * size * 3);
  const floats = new Tensor('float32', Float32Array.from(pixels), [1, 3, size, size]);
  const cairnMs: number[] = [];
  const plainMs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const times = [await time(() => cairn.run(pixels, 1)), await time(() => plain.run({ x: floats }))] as const;
    if (round < 0) continue; // the first run of each allocates
    cairnMs.push(times[0]);
    plainMs.push(times[1]);
  }
  await cairn.dispose();
  await plain.release();
  return { cairnMs: median(cairnMs), plainMs: median(plainMs), ratio: median(ratios(cairnMs, plainMs)) };
}

/** Milliseconds that `work` takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
