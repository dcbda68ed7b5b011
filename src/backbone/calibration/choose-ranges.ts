import type { Graph, OutputName } from '../graph/graph.js';
import { TAILS, ValueObserver, type Observation, type ObservedRange } from '../engine/onnx/observe.js';
import type { Range } from '../quantization.js';
import type { Weights } from '../weights/weights.js';
import type { Method } from './calibration.js';

/** Shares of the full range that clipping by mean squared error tries. */
const CLIPPED = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3] as const;
const PERCENTILES: readonly Method[] = ['percentile-99.999', 'percentile-99.99', 'percentile-99.9'];

/** Uint8 RGB, `[size, size, 3]`, each made when it is needed: a few dozen of them would fill the memory. */
export type Canvases = readonly (() => Promise<Uint8Array<ArrayBuffer>>)[];

export interface ChosenRange {
  readonly min: number;
  readonly max: number;
  readonly method: Method;
}

export interface ObserveOptions {
  readonly outputs: readonly OutputName[];
  readonly size: number;
  readonly threads: number;
  /** Called after each image of each of the two passes. */
  readonly onImage?: () => void;
}

/**
 * The range of every value of a network: the extremes of the calibration images, percentiles of them, and the clipping of
 * least mean squared error are compared on the images held out, and the best is kept for each value.
 */
export async function chooseRanges(
  graph: Graph,
  weights: Weights,
  calibration: Canvases,
  heldOut: Canvases,
  options: ObserveOptions,
): Promise<Record<string, ChosenRange>> {
  const observer = new ValueObserver(graph, weights, options);
  const [seen] = await observeAll(await observer.ranges(), [calibration], options);
  const candidates = mapValues(seen![0]!, (_, name) => candidatesOf(seen!.map((ranges) => ranges[name]!)));
  const ranges = mapValues(candidates, (list) => list.map(({ range }) => range));
  const groups = await observeAll(await observer.errors(ranges), [calibration, heldOut], options);
  return mapValues(candidates, (list, name) => {
    const [known, unknown] = groups.map((group) => addUp(group.map((errors) => errors[name]!)));
    return choose(list, known!, heldOut.length > 0 ? unknown! : known!);
  });
}

async function observeAll<T>(
  observation: Observation<T>,
  groups: readonly Canvases[],
  { onImage }: ObserveOptions,
): Promise<T[][]> {
  const results: T[][] = [];
  try {
    for (const group of groups) {
      const observed: T[] = [];
      for (const canvas of group) {
        observed.push(await observation.observe(await canvas()));
        onImage?.();
      }
      results.push(observed);
    }
    return results;
  } finally {
    await observation.close();
  }
}

interface Candidate {
  readonly method: Method;
  readonly range: Range;
}

/** The full range first, then percentiles, then clippings of it. */
function candidatesOf(seen: readonly ObservedRange[]): Candidate[] {
  const full = union(seen.map((observed) => observed.full));
  const percentiles = TAILS.map((_, rank) => union(seen.map((observed) => observed.percentiles[rank]!)));
  return [
    { method: 'minmax', range: full },
    ...percentiles.map((range, rank) => ({ method: PERCENTILES[rank]!, range })),
    ...CLIPPED.map((share) => ({ method: 'mse' as const, range: [full[0] * share, full[1] * share] as const })),
  ];
}

/** Of the clippings only the best on the calibration images takes part in the choice on those held out. */
function choose(candidates: readonly Candidate[], known: readonly number[], heldOut: readonly number[]): ChosenRange {
  const least = (indices: readonly number[], errors: readonly number[]) =>
    indices.reduce((best, index) => (errors[index]! < errors[best]! ? index : best));
  const indices = [...candidates.keys()];
  const clipped = indices.filter((index) => candidates[index]!.method === 'mse');
  const rivals = indices.filter((index) => candidates[index]!.method !== 'mse');
  const { range, method } = candidates[least([...rivals, least(clipped, known)], heldOut)]!;
  return { min: range[0], max: range[1], method };
}

function union(ranges: readonly Range[]): Range {
  return [Math.min(...ranges.map(([min]) => min)), Math.max(...ranges.map(([, max]) => max))];
}

/** Sums position by position. */
function addUp(lists: readonly (readonly number[])[]): number[] {
  return lists.reduce<number[]>((sums, list) => list.map((value, i) => value + (sums[i] ?? 0)), []);
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
