import { toFloat32 } from '../../formats/floats.js';
import { findModel, graphFor } from '../catalogue.js';
import type { CompileOptions, Session } from '../engine/engine.js';
import { OnnxEngine } from '../engine/onnx/onnx-engine.js';
import { isPyramidLevel } from '../graph/fpn-graph.js';
import type { Graph, LevelName } from '../graph/graph.js';
import type { Level } from '../tensor.js';
import { loadWeights, type Weights } from '../weights/weights.js';
import { calibrationSchema, type CalibrationFile, type LevelError } from './calibration.js';
import { chooseRanges, FOLDS, type Canvases } from './choose-ranges.js';
import { fidelity, WorstOfLevels } from './fidelity.js';

/** Runs of each network whose times are compared, after one that does not count. */
const TIMED_ROUNDS = 5;

export interface CalibrationRequest {
  /** Entry of the catalogue. */
  readonly model: string;
  /** `seeded`, `seeded:N` or a path. */
  readonly weights: string;
  /** Those that the ranges must cover. */
  readonly levels: readonly LevelName[];
  readonly size: number;
  readonly threads: number;
  readonly canvases: Canvases;
  /** Called with the share of the work that is done, 0 … 1. */
  readonly onProgress?: (done: number) => void;
}

export interface CalibrationResult {
  readonly file: CalibrationFile;
  /** Median run time of one canvas in milliseconds; the runs took turns. */
  readonly runMs: { readonly float32: number; readonly int8: number };
}

/**
 * Finds the ranges with which a network is computed in 8-bit integers, and measures what that costs.
 *
 * @throws CairnError of the weights and the engine.
 */
export async function calibrate(request: CalibrationRequest): Promise<CalibrationResult> {
  const { model, levels: outputs, size, threads, canvases } = request;
  const graph = graphFor(findModel(model), true, outputs);
  const weights = await loadWeights(request.weights, graph);
  let done = 0;
  const runs = 2 * canvases.length + Math.ceil(canvases.length / FOLDS) + TIMED_ROUNDS + 1;
  const onImage = () => request.onProgress?.(++done / runs);

  const { ranges, trial, heldOut } = await chooseRanges(graph, weights, canvases, { outputs, size, threads, onImage });
  const sessions = await openSessions(graph, weights, {
    outputs,
    size,
    threads,
    device: 'cpu',
    dtype: 'float32',
    ranges: Object.fromEntries(Object.entries(trial).map(([name, { min, max }]) => [name, [min, max]])),
  });
  try {
    const measured = await measure(sessions, heldOut, onImage);
    const runMs = await time(sessions, await heldOut[0]!(), onImage);
    const file = calibrationSchema.parse({
      format: 'cairn-calibration-v1',
      model,
      weightsDigests: await digestsOf(request, weights.digest),
      size,
      levels: outputs,
      images: { count: canvases.length, heldOut: canvases.length === 1 ? 0 : heldOut.length },
      ranges,
      measured,
    });
    return { file, runMs };
  } finally {
    for (const session of Object.values(sessions)) await session.dispose();
  }
}

type Sessions = Readonly<Record<'float32' | 'int8', Session>>;

async function openSessions(graph: Graph, weights: Weights, options: CompileOptions): Promise<Sessions> {
  const engine = new OnnxEngine();
  const open = (precision: 'float32' | 'int8') => engine.compile(graph, weights, { ...options, precision });
  return { float32: await open('float32'), int8: await open('int8') };
}

/** The worst of all images, level by level. */
async function measure(sessions: Sessions, canvases: Canvases, onImage: () => void): Promise<LevelError[]> {
  const worst = new WorstOfLevels();
  for (const canvas of canvases) {
    const pixels = await canvas();
    const [exact] = await sessions.float32.run(pixels, 1);
    const [integer] = await sessions.int8.run(pixels, 1);
    exact!.forEach((level, i) => {
      worst.add(level.name as LevelName, fidelity(floatsOf(level), floatsOf(integer![i]!)));
    });
    onImage();
  }
  return worst.errors();
}

async function time(sessions: Sessions, pixels: Uint8Array, onRound: () => void): Promise<CalibrationResult['runMs']> {
  const times = { float32: [] as number[], int8: [] as number[] };
  for (let round = 0; round <= TIMED_ROUNDS; round++) {
    for (const name of ['float32', 'int8'] as const) {
      const begun = performance.now();
      await sessions[name].run(pixels, 1);
      if (round > 0) times[name].push(performance.now() - begun);
    }
    onRound();
  }
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  return { float32: median(times.float32), int8: median(times.int8) };
}

/** Feature sets name the digest of the part of the network that their levels need: the whole has that of `whole`. */
async function digestsOf({ model, weights, levels }: CalibrationRequest, whole: string): Promise<string[]> {
  const backbone = levels.filter((level) => !isPyramidLevel(level));
  const digests = [whole];
  for (const [stage5, part] of [
    [true, backbone.length < levels.length ? backbone : []],
    [false, backbone.filter((level) => level !== 'C5')],
  ] as const) {
    if (part.length === 0) continue;
    digests.push((await loadWeights(weights, graphFor(findModel(model), stage5, part))).digest);
  }
  return digests;
}

function floatsOf({ tensor: { data } }: Level): Float32Array {
  return toFloat32(data, 'float32');
}
