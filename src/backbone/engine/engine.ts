import type { Graph, OutputName } from '../graph/graph.js';
import type { TopOptions } from '../graph/resnet-graph.js';
import type { Range } from '../quantization.js';
import type { Level, Precision, TensorFormat } from '../tensor.js';
import type { Weights } from '../weights/weights.js';

/** What a session computes: everything that distinguishes one compiled session from another. */
export interface SessionRequest extends TensorFormat {
  /** Entry of the catalogue. */
  readonly model: string;
  readonly stage5: boolean;
  /** What to return; `top` counts as a level here. */
  readonly levels: readonly OutputName[];
  /** What follows the last stage; needed where `levels` name `top`. */
  readonly top?: TopOptions;
  /** Element type in which the network computes. */
  readonly precision: Precision;
  /** Side of the square canvas in pixels. */
  readonly size: number;
  /** `seeded`, `seeded:N` or a path. */
  readonly weights: string;
  /** Path of the calibration; needed where `precision` is `int8`. */
  readonly calibration?: string | undefined;
}

/** How a graph is compiled: those parts of a request that graph and weights do not hold already. */
export interface CompileOptions extends Omit<
  SessionRequest,
  'model' | 'stage5' | 'levels' | 'top' | 'weights' | 'calibration' | 'precision'
> {
  /** What to return, in this order; parts of the graph that none of these needs are not computed. */
  readonly outputs: readonly OutputName[];
  readonly precision?: Precision;
  /** Of the network's values, by name, from its calibration: precision `int8` needs them. */
  readonly ranges?: Readonly<Record<string, Range>> | undefined;
  readonly device: string;
  /** Threads within one operation; 0 leaves the choice to the runtime. */
  readonly threads: number;
}

/** Something that an engine can run on. */
export interface Device {
  readonly name: string;
  readonly gpu: boolean;
  /** Why it cannot be used on this machine, where that is known without trying. */
  readonly missing?: string;
}

/** Compiles graphs: the port that every runtime implements. */
export interface Engine {
  readonly name: string;
  /** The best first. A listed device may not work: see `probeDevice`. */
  devices(): readonly Device[];
  /** Versions of the runtime's parts, by name. */
  versions(): Readonly<Record<string, string>>;
  /**
   * @throws CairnError `device-unavailable` when `options.device` is not one of `devices()` or cannot be
   *   used, `engine-failed` when the runtime refuses the graph.
   */
  compile(graph: Graph, weights: Weights, options: CompileOptions): Promise<Session>;
}

/** A graph with its weights, ready to run. */
export interface Session {
  /** Where it really runs. */
  readonly device: string;
  /**
   * Runs `batch` images: uint8 RGB, `[batch, size, size, 3]` in C order. Returns for each image its
   * levels, each `[height, width, channels]` (`top` is `[1, 1, channels]`). Those of a batch may share
   * memory.
   *
   * @throws CairnError `features-not-finite` when a level holds NaN or infinity.
   */
  run(images: Uint8Array, batch: number): Promise<Level[][]>;
  dispose(): Promise<void>;
}
