import { findModel, graphFor, type Model } from './catalogue.js';
import { isPyramidLevel } from './graph/fpn-graph.js';
import type { Graph, GraphNode } from './graph/graph.js';
import { inferShapes } from './graph/shapes.js';
import { sizeOf, summarize } from './graph/summary.js';
import { BYTES_PER_ELEMENT, type Dtype } from './tensor.js';

/** What a network has to hold, per parameter and pixel, whatever the size. */
interface Footprint {
  readonly parameters: number;
  /** Most elements of maps that are alive at once, per pixel of the canvas. */
  readonly alivePerPixel: number;
  /** Elements of each level, per pixel of the canvas. */
  readonly levelsPerPixel: ReadonlyMap<string, number>;
}

/** The side at which footprints are counted: maps grow with the square of the side. */
const REFERENCE_SIDE = 1024;
const FLOAT_BYTES = BYTES_PER_ELEMENT.float32;
/** While a session is made: the weights as read, folded, encoded, and in the forms that ONNX Runtime keeps of them. */
const WEIGHT_COPIES = 6;
/** Canvas: bytes, and as floats. */
const CANVAS_BYTES = 3 * (1 + FLOAT_BYTES);
/** The Node.js process with its libraries. */
const PROCESS_BYTES = 150 << 20;

/** Operations whose output may take the place of their input. */
const IN_PLACE: readonly GraphNode['op'][] = ['batchNorm', 'groupNorm', 'scale', 'relu', 'add', 'softmax'];

/**
 * Bytes that a worker needs to compute the levels of one image: the process, the weights, the maps that are alive at once
 * in float32, and the levels in float32 and in their own type. docs/configuration.md compares it with measurements.
 */
export function estimateMemory(spec: {
  readonly model: string;
  readonly stage5: boolean;
  readonly levels: readonly string[];
  readonly dtype: Dtype;
  readonly size: number;
}): number {
  const { parameters, alivePerPixel, levelsPerPixel } = footprint(spec.model, spec.stage5, spec.levels);
  const pixels = spec.size ** 2;
  const levels = spec.levels.reduce((sum, level) => sum + (levelsPerPixel.get(level) ?? 0), 0);
  const perPixel = CANVAS_BYTES + alivePerPixel * FLOAT_BYTES + levels * (FLOAT_BYTES + BYTES_PER_ELEMENT[spec.dtype]);
  return Math.round(PROCESS_BYTES + parameters * FLOAT_BYTES * WEIGHT_COPIES + pixels * perPixel);
}

/** A graph takes milliseconds to build: footprints are cached per entry of the catalogue. */
const FOOTPRINTS = new WeakMap<Model, Map<string, Footprint>>();

function footprint(name: string, stage5: boolean, levels: readonly string[]): Footprint {
  const model = findModel(name);
  const known = FOOTPRINTS.get(model) ?? new Map<string, Footprint>();
  FOOTPRINTS.set(model, known);
  const key = `${stage5} ${levels.some(isPyramidLevel)}`;
  const found = known.get(key) ?? count(graphFor(model, stage5, levels));
  known.set(key, found);
  return found;
}

function count(graph: Graph): Footprint {
  const shapes = inferShapes(graph, REFERENCE_SIDE, REFERENCE_SIDE);
  const perPixel = (node: string) => sizeOf(shapes.get(node)!) / REFERENCE_SIDE ** 2;
  const levels = Object.entries(graph.outputs).map(([name, { node }]) => [name, perPixel(node)] as const);
  return {
    parameters: summarize(graph, REFERENCE_SIDE).parameters.total,
    alivePerPixel: mostAlive(graph, perPixel),
    levelsPerPixel: new Map(levels),
  };
}

/** Walks the nodes in order; a map dies with its last reader. */
function mostAlive({ nodes, input: { name: image } }: Graph, sizeOfMap: (node: string) => number): number {
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1);
  let alive = sizeOfMap(image);
  let most = 0;
  for (const { name, op, inputs } of nodes) {
    const dying = inputs.filter((input) => {
      const left = readers.get(input)! - 1;
      readers.set(input, left);
      return left === 0;
    });
    const reused = IN_PLACE.includes(op) && dying.length > 0;
    alive += sizeOfMap(name);
    most = Math.max(most, reused ? alive - sizeOfMap(dying[0]!) : alive);
    for (const input of dying) alive -= sizeOfMap(input);
  }
  return most;
}
