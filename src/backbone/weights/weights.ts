import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CairnError } from '../../errors.js';
import type { Graph, ParameterName } from '../graph/graph.js';
import { openKerasHdf5 } from './keras-hdf5.js';
import { matchWeights, showShape } from './match-weights.js';
import { openSafetensorsFile } from './safetensors-file.js';
import { seededWeights } from './seeded.js';
import type { WeightsReader } from './weights-reader.js';

/** The parameters of one graph, each checked against the shape that its layer declares. */
export interface Weights {
  /** `seeded`, `seeded:N`, or the file's name. */
  readonly source: string;
  /**
   * SHA-256 over the names, shapes and float32 values that the graph uses: the same parameters give
   * the same digest, whichever file format they came in.
   */
  readonly digest: string;
  /** C order; convolution kernels are HWIO. */
  get(layer: string, parameter: ParameterName): Float32Array;
}

/**
 * Loads the weights that `spec` names: `seeded`, `seeded:N`, or the path of an HDF5 or safetensors file.
 *
 * @throws CairnError `weights-missing`, `weights-shape` or `weights-not-finite`, naming the layer;
 *   `weights-unreadable` when there is no such file or it is damaged.
 */
export async function loadWeights(spec: string, graph: Graph): Promise<Weights> {
  const reader = await openWeights(spec, graph);
  try {
    return await bindWeights(graph, reader, weightsSource(spec));
  } finally {
    await reader.close();
  }
}

/** How a weights spec is shown: seeds as they are, files by their name without the folder. */
export function weightsSource(spec: string): string {
  const seed = parseSeed(spec);
  if (seed === undefined) return basename(spec);
  return seed === 0 ? 'seeded' : `seeded:${seed}`;
}

/** Opens what `spec` names; a file's format is told by its first bytes, not by its name. */
export async function openWeights(spec: string, graph: Graph): Promise<WeightsReader> {
  const seed = parseSeed(spec);
  if (seed !== undefined) return seededWeights(graph, seed);
  return (await startsWithHdf5Signature(spec)) ? openKerasHdf5(spec) : openSafetensorsFile(spec);
}

function parseSeed(spec: string): number | undefined {
  if (!/^seeded(:|$)/.test(spec)) return undefined;
  const match = /^seeded(?::(\d{1,15}))?$/.exec(spec);
  if (!match) throw new CairnError('option-invalid', `"${spec}" is not a seed; write seeded or seeded:N with N ≥ 0.`);
  return Number(match[1] ?? 0);
}

const HDF5_SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

async function startsWithHdf5Signature(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) throw new Error('not a file');
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
      return bytesRead === 8 && buffer.equals(HDF5_SIGNATURE);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CairnError('weights-unreadable', `There is no readable weights file at ${path}.`, { cause });
  }
}

/** Takes from `reader` what the graph needs, in the graph's order; the rest of the file is not read. */
async function bindWeights(graph: Graph, reader: WeightsReader, source: string): Promise<Weights> {
  const { matched, missing, misshaped } = matchWeights(graph, reader.entries());
  const [absent, wrong] = [missing[0], misshaped[0]];
  if (absent) {
    throw new CairnError(
      'weights-missing',
      `${source} has no ${absent.layer}/${absent.parameter} (shape ${showShape(absent.shape)} expected)` +
        `${missing.length > 1 ? `, and ${missing.length - 1} more are missing` : ''}.`,
    );
  }
  if (wrong) {
    throw new CairnError(
      'weights-shape',
      `${source} has ${wrong.layer}/${wrong.parameter} of shape ${showShape(wrong.found)}; ${showShape(wrong.shape)} is expected.`,
    );
  }

  const values = new Map<string, Float32Array>();
  const hash = createHash('sha256');
  for (const { layer, parameter, shape, entry } of matched) {
    const floats = await reader.read(entry);
    if (!allFinite(floats)) {
      throw new CairnError('weights-not-finite', `${source} has NaN or infinity in ${layer}/${parameter}.`);
    }
    values.set(`${layer}/${parameter}`, floats);
    hash.update(`${layer}/${parameter}${showShape(shape)}\n`);
    hash.update(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
  }
  return {
    source,
    digest: hash.digest('hex'),
    get(layer, parameter) {
      const floats = values.get(`${layer}/${parameter}`);
      if (!floats) throw new Error(`${layer}/${parameter} is not a parameter of this graph`);
      return floats;
    },
  };
}

function allFinite(values: Float32Array): boolean {
  return values.every((value) => Number.isFinite(value));
}
