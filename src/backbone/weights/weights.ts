import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { CairnError } from '../../errors.js';
import type { Graph, ParameterName } from '../graph/graph.js';
import { isUnnamedVariable } from './keras-variables.js';
import { toGraphLayout } from './layout.js';
import { matchWeights, showShape, type ExpectedTensor, type WeightsMatch } from './match-weights.js';
import { openWeights, parseSeed } from './open-weights.js';
import type { WeightsEntry, WeightsReader } from './weights-reader.js';

export { openWeights, parseSeed } from './open-weights.js';

/** The parameters of one graph, each checked against the shape that its layer declares. */
export interface Weights {
  /** `seeded`, `seeded:N`, or the file's name. */
  readonly source: string;
  /**
   * SHA-256 over the names, shapes and float32 values that the graph uses, in the graph's order and
   * layout: the same parameters give the same digest, whichever file format they came in.
   */
  readonly digest: string;
  /** C order; convolution kernels are HWIO, those of dense layers `[in, out]`. */
  get(layer: string, parameter: ParameterName): Float32Array;
}

/**
 * Loads the weights that `spec` names: `seeded`, `seeded:N`, or the path of a file of any kind that
 * `openWeights` reads.
 *
 * @throws CairnError `weights-missing`, `weights-shape` or `weights-not-finite`, naming the layers;
 *   `weights-unreadable` when there is no such file, it is damaged, or its kind is not supported.
 */
export async function loadWeights(spec: string, graph: Graph): Promise<Weights> {
  const reader = await openWeights(spec, graph);
  try {
    return await bindWeights(graph, reader, weightsSource(spec));
  } finally {
    await reader.close();
  }
}

/**
 * The digest that `loadWeights` would give, with one tensor at a time in memory.
 *
 * @throws CairnError as `loadWeights`.
 */
export async function digestWeights(spec: string, graph: Graph): Promise<string> {
  const reader = await openWeights(spec, graph);
  try {
    return await readParameters(graph, reader, weightsSource(spec), () => undefined);
  } finally {
    await reader.close();
  }
}

/** How a weights spec is shown: seeds in full, files by name without the folder. */
export function weightsSource(spec: string): string {
  const seed = parseSeed(spec);
  if (seed === undefined) return basename(spec);
  return seed === 0 ? 'seeded' : `seeded:${seed}`;
}

/** Whether a spec or a source names untrained weights. */
export function isSeeded(source: string): boolean {
  return parseSeed(source) !== undefined;
}

async function bindWeights(graph: Graph, reader: WeightsReader, source: string): Promise<Weights> {
  const values = new Map<string, Float32Array>();
  const digest = await readParameters(graph, reader, source, (name, floats) => values.set(name, floats));
  return {
    source,
    digest,
    get(layer, parameter) {
      const floats = values.get(`${layer}/${parameter}`);
      if (!floats) throw new Error(`${layer}/${parameter} is not a parameter of this graph`);
      return floats;
    },
  };
}

/**
 * Hands the graph's parameters over, in the graph's order and layout, and returns their digest; the rest of the file is
 * not read.
 */
async function readParameters(
  graph: Graph,
  reader: WeightsReader,
  source: string,
  use: (name: string, floats: Float32Array) => void,
): Promise<string> {
  const match = matchWeights(graph, reader.entries());
  refuseMisfit(match, source, reader.entries());

  const notFinite: ExpectedTensor[] = [];
  const hash = createHash('sha256');
  for (const tensor of match.matched) {
    const { layer, parameter, shape, entry } = tensor;
    const floats = toGraphLayout(await reader.read(entry), shape, match.layout);
    if (!allFinite(floats)) notFinite.push(tensor);
    use(`${layer}/${parameter}`, floats);
    hash.update(`${layer}/${parameter}${showShape(shape)}\n`);
    hash.update(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
    // The API computes digests while it serves.
    await yieldToEvents();
  }
  if (notFinite.length > 0) {
    const [tensors, layers] = [notFinite.length, new Set(notFinite.map(({ layer }) => layer)).size];
    throw new CairnError(
      'weights-not-finite',
      `${source} has NaN or infinity in ${tensors} ${tensors === 1 ? 'tensor' : 'tensors'} of ` +
        `${layers} ${layers === 1 ? 'layer' : 'layers'}: ${firstOf(notFinite)}.`,
    );
  }
  return hash.digest('hex');
}

function refuseMisfit(match: WeightsMatch, source: string, entries: readonly WeightsEntry[]): void {
  const { missing, misshaped, surplus } = match;
  const [absent, wrong] = [missing[0], misshaped[0]];
  if (absent && entries.some(({ path }) => isUnnamedVariable(path))) {
    throw new CairnError(
      'weights-missing',
      `${source} numbers its layers instead of naming them, and the numbers are not those of this network; ` +
        'load it into its model and save it again with a newer Keras, or as .h5.',
    );
  }
  if (absent) {
    throw new CairnError(
      'weights-missing',
      `${source} has no ${absent.path} (shape ${showShape(absent.expected)} expected)` +
        `${missing.length > 1 ? `, and ${missing.length - 1} more are missing` : ''}. ` +
        '`cairn weights inspect` shows which models a file fits.',
    );
  }
  if (wrong) {
    throw new CairnError(
      'weights-shape',
      `${source} has ${wrong.path} of shape ${showShape(wrong.found)}; ${showShape(wrong.expected)} is expected.`,
    );
  }
  // A bias that is not added, a norm's gamma that is not applied: the result would be wrong.
  if (surplus.length > 0) {
    throw new CairnError(
      'weights-shape',
      `${source} belongs to another network: it has ${firstOf(surplus)}, which this one does not.`,
    );
  }
}

const SHOWN = 5;

function firstOf(tensors: readonly { readonly path: string }[]): string {
  const more = tensors.length - SHOWN;
  const names = tensors.slice(0, SHOWN).map(({ path }) => path);
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function allFinite(values: Float32Array): boolean {
  return values.every((value) => Number.isFinite(value));
}
