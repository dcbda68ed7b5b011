import { createHash } from 'node:crypto';
import type { Graph, ParameterName, Shape } from '../graph/graph.js';
import { sizeOf } from '../graph/summary.js';
import type { WeightsEntry, WeightsReader } from './weights-reader.js';

/**
 * Mean square of a photo's pixels after the mean is subtracted (levels of 0–255); the first convolution
 * receives this over the square of the normalisation's divisor.
 */
const PIXEL_SECOND_MOMENT = 5000;
/** Weight of a residual branch against its shortcut: with 1, thirty-three blocks would overflow float16. */
const RESIDUAL_GAIN = 0.5;
/** The same where no norm ends the branch: its sum is then as large as the output of a ReLU. */
const UNNORMED_RESIDUAL_GAIN = 0.3;

/** How one tensor is drawn: uniform in `center ± spread`. */
interface Recipe {
  readonly center: number;
  readonly spread: number;
}

/**
 * Weights drawn from a seed: no training, but every level keeps a standard deviation near 1, and
 * each value is the same on every machine. A tensor depends on the seed, its layer and its
 * parameter name only, so networks share the layers they have in common.
 *
 * The batch-norm statistics are not trivial: the moving variance is drawn around the variance that
 * really arrives, which is tracked through the graph as a second moment (He et al. 2015b: a
 * He-uniform convolution doubles it, a ReLU halves it).
 */
export function seededWeights(graph: Graph, seed: number): WeightsReader {
  const recipes = planRecipes(graph);
  const entries = [...recipes.keys()];
  return {
    format: 'seeded',
    entries: () => entries,
    read: (entry) => Promise.resolve(draw(seed, entry, recipes.get(entry)!)),
    close: () => Promise.resolve(),
  };
}

function planRecipes(graph: Graph): Map<WeightsEntry, Recipe> {
  const recipes = new Map<WeightsEntry, Recipe>();
  const divisor = graph.input.normalization.std[1];
  const moments = new Map<string, number>([[graph.input.name, PIXEL_SECOND_MOMENT / divisor ** 2]]);
  const ops = new Map(graph.nodes.map((node) => [node.name, node.op]));
  const residualEnds = new Set(graph.nodes.filter((node) => node.op === 'add').map((node) => node.inputs[0]!));

  for (const node of graph.nodes) {
    const arriving = moments.get(node.inputs[0]!)!;
    const plan = (parameter: ParameterName, center: number, spread: number) => {
      const shape = node.parameters[parameter];
      if (shape) recipes.set({ path: `${node.name}/${parameter}`, shape, dtype: 'float32' }, { center, spread });
    };
    const residualGain = node.op === 'conv2d' ? UNNORMED_RESIDUAL_GAIN : RESIDUAL_GAIN;
    const gain = residualEnds.has(node.name) && node.block !== 'fpn' ? residualGain : 1;
    let leaving = arriving;
    switch (node.op) {
      case 'conv2d': {
        // Before a ReLU or a norm the variance doubles; a pyramid has neither.
        const growth = node.block === 'fpn' ? 1 : 2;
        leaving = growth * arriving * gain ** 2;
        plan('kernel', 0, gain * Math.sqrt((3 * growth) / fanIn(node.parameters.kernel!)));
        plan('bias', 0, 0.1 * Math.sqrt(leaving));
        break;
      }
      case 'dense':
        plan('kernel', 0, Math.sqrt(3 / fanIn(node.parameters.kernel!)));
        plan('bias', 0, 0.1 * Math.sqrt(arriving));
        break;
      case 'batchNorm':
        leaving = gain * gain;
        plan('gamma', gain, 0.25 * gain);
        plan('beta', 0, 0.1);
        plan('moving_mean', 0, 0.1 * Math.sqrt(arriving));
        plan('moving_variance', arriving, 0.5 * arriving);
        break;
      case 'groupNorm':
        leaving = gain * gain;
        plan('gamma', gain, 0.25 * gain);
        plan('beta', 0, 0.1);
        break;
      case 'scale':
        leaving = arriving * gain ** 2;
        plan('gamma', gain, 0.25 * gain);
        plan('beta', 0, 0.1 * Math.sqrt(leaving));
        break;
      case 'relu':
        // The shortcut of an addition is non-negative already: counting all of it errs on the safe side.
        leaving = ops.get(node.inputs[0]!) === 'add' ? arriving : arriving / 2;
        break;
      case 'maxPool':
        // A maximum of several grows; a window of one does not.
        leaving = node.poolSize[0] > 1 ? 2 * arriving : arriving;
        break;
      case 'add':
        leaving = arriving + moments.get(node.inputs[1]!)!;
        break;
      case 'zeroPad':
      case 'upsample':
      case 'averagePool':
      case 'globalPool':
      case 'softmax':
        break;
    }
    moments.set(node.name, leaving);
  }
  return recipes;
}

function fanIn(kernel: Shape): number {
  return sizeOf(kernel.slice(0, -1));
}

/** Counter-based: element `i` is a hash of `i` and the tensor's key, so no element depends on another. */
function draw(seed: number, entry: WeightsEntry, { center, spread }: Recipe): Float32Array {
  const key = createHash('sha256').update(`cairn-seeded-v1/${seed}/${entry.path}`).digest().readUInt32LE(0);
  const values = new Float32Array(sizeOf(entry.shape));
  for (let i = 0; i < values.length; i++) {
    const uniform = mix((Math.imul(i, 0x9e3779b9) + key) | 0) / 2 ** 32;
    values[i] = center + (2 * uniform - 1) * spread;
  }
  return values;
}

/** A 32-bit finaliser of the murmur3 form with the constants of Wellons' search (low bias). */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
