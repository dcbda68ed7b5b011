import type { Graph, OutputName } from '../graph/graph.js';
import { TAILS, ValueObserver, type Observation, type ObservedRange } from '../engine/onnx/observe.js';
import type { Range } from '../quantization.js';
import type { Weights } from '../weights/weights.js';
import type { Method } from './calibration.js';

/** Groups of images, each of which is held out once. */
export const FOLDS = 4;
/** Shares of the full range that clipping by mean squared error tries. */
const CLIPPED = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3] as const;
/** Shares of a range's lower end, where a ReLU clips what lies far below 0. */
const LOWER = [1, 0.75, 0.5, 0.35, 0.25] as const;
const PERCENTILES: readonly Method[] = ['percentile-99.999', 'percentile-99.99', 'percentile-99.9'];

/** Uint8 RGB, `[size, size, 3]`, each made when it is needed: a few dozen of them would fill the memory. */
export type Canvases = readonly (() => Promise<Uint8Array<ArrayBuffer>>)[];

export interface ChosenRange {
  readonly min: number;
  readonly max: number;
  readonly method: Method;
}
export type ChosenRanges = Readonly<Record<string, ChosenRange>>;

export interface ObserveOptions {
  readonly outputs: readonly OutputName[];
  readonly size: number;
  readonly threads: number;
  /** Called twice for each image. */
  readonly onImage?: () => void;
}

export interface Choice {
  /** From all images. */
  readonly ranges: ChosenRanges;
  /** By the same methods from all images but those of `heldOut`, on which they can be judged. */
  readonly trial: ChosenRanges;
  /** All images where there is only one. */
  readonly heldOut: Canvases;
}

/**
 * The range of every value of a network. Candidates are the extremes of the images, percentiles of them, and the extremes
 * times some factors; where a ReLU follows the sum that a value is a term of, also with smaller lower ends. They are judged on images held out, by the relative squared error of a value: each quarter of the images
 * judges what comes from the other three.
 */
export async function chooseRanges(
  graph: Graph,
  weights: Weights,
  canvases: Canvases,
  options: ObserveOptions,
): Promise<Choice> {
  const observer = new ValueObserver(graph, weights, options);
  const seen = await observeAll(await observer.ranges(), canvases, options);
  const folds = Math.min(FOLDS, canvases.length);
  const inFold = (fold: number) => (_: unknown, index: number) => index % folds === fold;
  const candidatesWithout = (fold: number) =>
    candidatesFrom(folds === 1 ? seen : seen.filter(not(inFold(fold))), observer);
  const errors: Record<string, readonly number[]>[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const ranges = mapValues(candidatesWithout(fold), (list) => list.map(({ range }) => range));
    errors.push(...(await observeAll(await observer.errors(ranges), canvases.filter(inFold(fold)), options)));
  }
  const best = mapValues(errors[0]!, (_, name) => indexOfLeast(addUp(errors.map((each) => each[name]!))));
  const choose = (candidates: Candidates) =>
    mapValues(candidates, (list, name): ChosenRange => {
      const { range, method } = list[best[name]!]!;
      return { min: range[0], max: range[1], method };
    });
  return {
    ranges: choose(candidatesFrom(seen, observer)),
    trial: choose(candidatesWithout(0)),
    heldOut: canvases.filter(inFold(0)),
  };
}

async function observeAll<T>(
  observation: Observation<T>,
  canvases: Canvases,
  { onImage }: ObserveOptions,
): Promise<T[]> {
  try {
    const observed: T[] = [];
    for (const canvas of canvases) {
      observed.push(await observation.observe(await canvas()));
      onImage?.();
    }
    return observed;
  } finally {
    await observation.close();
  }
}

type Candidates = Readonly<Record<string, readonly { readonly method: Method; readonly range: Range }[]>>;

/** Of every value the full range first, then percentiles, then clippings of it; always in the same order. */
function candidatesFrom(seen: readonly Readonly<Record<string, ObservedRange>>[], observer: ValueObserver): Candidates {
  return mapValues(seen[0]!, (_, name) => {
    const observed = seen.map((ranges) => ranges[name]!);
    const full = union(observed.map((each) => each.full));
    const percentiles = TAILS.map((_, rank) => union(observed.map((each) => each.percentiles[rank]!)));
    const candidates = [
      { method: 'minmax' as Method, range: full },
      ...percentiles.map((range, rank) => ({ method: PERCENTILES[rank]!, range })),
      ...CLIPPED.map((share) => ({ method: 'mse' as const, range: [full[0] * share, full[1] * share] as const })),
    ];
    if (!observer.isClipped(name)) return candidates;
    return candidates.flatMap(({ method, range: [min, max] }) =>
      LOWER.map((share) => ({ method: share === 1 ? method : ('mse' as const), range: [min * share, max] as const })),
    );
  });
}

function union(ranges: readonly Range[]): Range {
  return [Math.min(...ranges.map(([min]) => min)), Math.max(...ranges.map(([, max]) => max))];
}

/** Sums position by position. */
function addUp(lists: readonly (readonly number[])[]): number[] {
  return lists.reduce<number[]>((sums, list) => list.map((value, i) => value + (sums[i] ?? 0)), []);
}

function indexOfLeast(values: readonly number[]): number {
  return values.indexOf(Math.min(...values));
}

function not<A extends unknown[]>(test: (...args: A) => boolean) {
  return (...args: A) => !test(...args);
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
