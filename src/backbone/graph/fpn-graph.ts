import { CairnError } from '../../errors.js';
import { FAMILIES, type FamilyName } from './families.js';
import { GraphBuilder, type FeatureMap } from './graph-builder.js';
import type { Graph, LevelName } from './graph.js';

/** Options of a feature pyramid. */
export interface FpnOptions {
  /** Channels of every P level; 256 in all published detectors. */
  readonly channels?: number;
}

const BOTTOM_UP = ['C5', 'C4', 'C3', 'C2'] as const;
const PYRAMID: Readonly<Record<(typeof BOTTOM_UP)[number], LevelName>> = { C2: 'P2', C3: 'P3', C4: 'P4', C5: 'P5' };

/**
 * A feature pyramid (Lin et al. 2017) on top of a backbone: `P2`…`P5` with the strides of `C2`…`C5`,
 * and `P6`, every second position of `P5`. A 1×1 convolution on each C level, nearest ×2 upsampling
 * and a sum on the way down, a 3×3 convolution on each sum; no activations: P levels are signed. Some families have a norm
 * after each of these convolutions.
 * Matterport, Detectron2 and torchvision all build this; names are the family's.
 *
 * @throws CairnError `level-absent` without stage 5, `levels-unsuitable` when the strides of the C levels do
 *   not double from one to the next.
 */
export function fpnGraph(graph: Graph, { channels = 256 }: FpnOptions = {}): Graph {
  const { outputs, family, architecture } = graph;
  if (!outputs.C5) throw new CairnError('level-absent', 'A feature pyramid needs C5, the output of stage 5.');
  const strides = BOTTOM_UP.map((level) => outputs[level]!.stride).reverse();
  if (strides.some((stride, i) => i > 0 && stride !== 2 * strides[i - 1]!)) {
    throw new CairnError(
      'levels-unsuitable',
      `An FPN needs levels C2 to C5 whose strides double; those of ${family}-${architecture} are ${strides.join(', ')}.`,
    );
  }
  const { fpn: names, fpnNorm, epsilon } = FAMILIES[family as FamilyName];
  const builder = GraphBuilder.continue(graph);
  builder.startBlock('fpn');
  const convolve = (name: string, x: FeatureMap, kernel: number) => {
    const bias = fpnNorm === 'none';
    const convolved = builder.conv2d(name, x, {
      filters: channels,
      kernel,
      padding: kernel > 1 ? 'same' : 'valid',
      bias,
    });
    return bias ? convolved : builder.norm(names.norm(name), convolved, fpnNorm, epsilon);
  };
  const sums: [LevelName, number, FeatureMap][] = [];
  let above: FeatureMap | undefined;
  for (const level of BOTTOM_UP) {
    const number = Number(level[1]);
    const lateral = convolve(names.lateral(number), outputs[level]!, 1);
    above = above
      ? builder.add(names.sum(number), builder.upsample(names.upsampled(number + 1), above, 2), lateral)
      : lateral;
    sums.push([PYRAMID[level], number, above]);
  }
  const levels: Partial<Record<LevelName, FeatureMap>> = {};
  for (const [level, number, sum] of sums.reverse()) {
    levels[level] = convolve(names.output(number), sum, 3);
  }
  levels.P6 = builder.maxPool(names.coarsest, levels.P5!, { size: 1, stride: 2, padding: 'valid' });
  const declared = Object.fromEntries(
    [...strides, 2 * strides[3]!].map((stride, i) => [`P${i + 2}`, { channels, stride }]),
  );
  return builder.build(graph, graph.input.normalization, { ...outputs, ...levels }, { ...outputs, ...declared });
}

/** Whether a level belongs to the pyramid. */
export function isPyramidLevel(level: string): boolean {
  return level.startsWith('P');
}
