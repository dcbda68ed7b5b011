import { Backbone } from '../src/backbone/backbone.js';
import { createEngine, ENGINE_NAMES } from '../src/backbone/engine/engines.js';
import { probeDevice, type ProbeResult } from '../src/backbone/engine/probe-device.js';
import { parseSpec, withBackboneLevels } from '../src/spec/feature-spec.js';
import { summarize } from '../src/backbone/graph/summary.js';
import { findModel, modelGraph } from '../src/backbone/catalogue.js';
import { measurePeak } from './peak.js';
import { median, ratios } from './statistics.js';

/** An engine and one of its devices, as `onnx/cpu`. */
export type Target = string;

/** What this machine has and has proven; says of the others why they are left out. */
export async function provenTargets(): Promise<Target[]> {
  const targets: Target[] = [];
  for (const engine of ENGINE_NAMES) {
    for (const { name: device, missing } of (await createEngine(engine)).devices()) {
      const proof: ProbeResult = missing ? { proven: false, reason: missing } : await probeDevice(engine, device);
      if (proof.proven) targets.push(`${engine}/${device}`);
      else console.error(`left out: ${engine}/${device}: ${proof.reason}`);
    }
  }
  return targets;
}

/** Runs of one model on one target: uint8 pixels in, float16 levels C2–C5 out, in the thread that sessions live in. */
export class Runner {
  private readonly backbone: Backbone;
  private readonly request;
  private readonly pixels: Uint8Array<ArrayBuffer>;

  constructor(target: Target, model: string, size: number) {
    const [engine, device] = target.split('/') as [string, string];
    this.backbone = new Backbone({ engine, device });
    this.request = { ...withBackboneLevels(parseSpec({ model, size, levels: 'C2,C3,C4,C5' })), weights: 'seeded' };
    this.pixels = Uint8Array.from({ length: size * size * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b9) >>> 24);
  }

  /** Milliseconds of one run. */
  async run(): Promise<number> {
    const pixels = this.pixels.slice();
    const begun = performance.now();
    await this.backbone.runBatch(this.request, pixels, 1);
    return performance.now() - begun;
  }

  /** GFLOP of one run, a multiplication and an addition being two. */
  get gflop(): number {
    const { model, stage5, size } = this.request;
    return (2 * summarize(modelGraph(findModel(model), stage5), size).macs) / 1e9;
  }

  close(): Promise<void> {
    return this.backbone.close();
  }
}

export interface Row {
  readonly target: Target;
  readonly medianMs: number;
  readonly imagesPerSecond: number;
  readonly gflops: number;
  /** Of the processor's peak, measured in the same round. */
  readonly shareOfPeak: number;
  /** Time over the first target's in the same round. */
  readonly ratio: number;
}

export interface Comparison {
  readonly model: string;
  readonly rows: readonly Row[];
  /** GFLOP/s of the processor in float32. */
  readonly peak: number;
}

/** Every target once a round, after the machine's peak; all figures are medians over the rounds. */
export async function compare(model: string, targets: readonly Target[], size: number, runs: number, threads: number) {
  const runners = targets.map((target) => new Runner(target, model, size));
  const times = targets.map((): number[] => []);
  const peaks: number[] = [];
  // The first runs compile and allocate.
  for (const runner of runners) await runner.run();
  for (let round = 0; round < runs; round++) {
    peaks.push(await measurePeak(threads));
    // Another one begins each time, so that none always follows the same.
    const order = targets.map((_, i) => (i + round) % targets.length);
    for (const i of order) times[i]!.push(await runners[i]!.run());
  }
  const { gflop } = runners[0]!;
  for (const runner of runners) await runner.close();
  const rows = targets.map((target, i): Row => {
    const speeds = times[i]!.map((ms) => (1000 * gflop) / ms);
    return {
      target,
      medianMs: median(times[i]!),
      imagesPerSecond: 1000 / median(times[i]!),
      gflops: median(speeds),
      shareOfPeak: median(ratios(speeds, peaks)),
      ratio: median(ratios(times[i]!, times[0]!)),
    };
  });
  return { model, rows, peak: median(peaks) } satisfies Comparison;
}
