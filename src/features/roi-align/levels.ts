import { CairnError } from '../../errors.js';
import { roundHalfToEven } from '../../formats/round-half-to-even.js';
import type { LevelDescription } from '../feature-set.js';
import type { Box, RoiMethod } from './boxes.js';

/** Heads of Matterport and of other Faster R-CNNs read P2 to P5. */
const FINEST = 2;
const COARSEST = 5;
/** A box of this side (in canvas pixels) is read from the level with stride 16. */
const CANONICAL_SIDE = 224;
const CANONICAL_LEVEL = 4;

/** The published code computes in float32; between two levels the last bit decides. */
const f32 = Math.fround;

export function levelNumber({ name }: LevelDescription): number {
  return Number(name.slice(1));
}

/**
 * The levels that boxes are read from by default: those of P2 to P5 that are present, else of C2 to C5.
 * Regions of several levels share one tensor and a numbering: they need one width and one kind.
 *
 * @param chosen the levels named by the client, if any.
 * @throws CairnError `levels-unsuitable`.
 */
export function poolableLevels(
  held: readonly LevelDescription[],
  chosen?: readonly LevelDescription[],
): readonly LevelDescription[] {
  const between = (kind: string) =>
    held.filter(
      (level) => level.name.startsWith(kind) && levelNumber(level) >= FINEST && levelNumber(level) <= COARSEST,
    );
  const levels = chosen ?? [between('P'), between('C')].find((found) => found.length > 0) ?? [];
  const names = levels.map((level) => level.name).join(', ');
  if (levels.length === 0) {
    throw new CairnError('levels-unsuitable', 'This feature set holds neither P2–P5 nor C2–C5: name a level.');
  }
  if (new Set(levels.map((level) => level.name[0])).size > 1) {
    throw new CairnError('levels-unsuitable', `Regions come from C levels or from P levels, not from ${names}.`);
  }
  if (new Set(levels.map((level) => level.channels)).size > 1) {
    const widths = levels.map((level) => `${level.name} ${level.channels}`).join(', ');
    throw new CairnError('levels-unsuitable', `Regions of several levels need one width (${widths}): name one level.`);
  }
  return levels;
}

/**
 * The level that a box is read from: the one that its method assigns, or the nearest present, of two the
 * finer.
 *
 * - Matterport (`PyramidROIAlign`): P-number `4 + round(log2(√(h·w) / (224 / √(H·W))))` of normalised
 *   sides, at least 2 and at most 5;
 * - Detectron2 (`assign_boxes_to_levels`): the stride's logarithm, `floor(4 + log2(√area / 224 + 1e-8))`;
 * - torchvision (`LevelMapper`): likewise, `floor(4 + log2(√area / 224) + 1e-6)`.
 *
 * A box without area goes to the finest level in all of them.
 */
export function levelOfBox(
  box: Box,
  method: RoiMethod,
  levels: readonly LevelDescription[],
  size: number,
): LevelDescription {
  const wanted = method === 'matterport' ? matterportLevel(box, size) : torchLevel(box, method);
  const number = method === 'matterport' ? levelNumber : (level: LevelDescription) => Math.log2(level.stride);
  const distance = (level: LevelDescription) => Math.abs(number(level) - wanted);
  return levels.reduce((best, level) => (distance(level) < distance(best) ? level : best));
}

function matterportLevel(box: Box, size: number): number {
  const side = sideOf(box);
  const unit = f32(CANONICAL_SIDE / f32(Math.sqrt(f32(size * size))));
  const level = CANONICAL_LEVEL + roundHalfToEven(log2ByDivision(f32(side / unit)));
  // The logarithm of 0, or of a box inverted along one axis only, counts as the least.
  return Number.isNaN(level) ? FINEST : Math.min(COARSEST, Math.max(FINEST, level));
}

function torchLevel(box: Box, method: 'detectron2' | 'torchvision'): number {
  const side = f32(sideOf(box) / CANONICAL_SIDE);
  return method === 'detectron2'
    ? Math.floor(f32(CANONICAL_LEVEL + f32(Math.log2(f32(side + f32(1e-8))))))
    : Math.floor(f32(f32(CANONICAL_LEVEL + f32(Math.log2(side))) + f32(1e-6)));
}

function sideOf({ y0, x0, y1, x1 }: Box): number {
  return f32(Math.sqrt(f32(f32(y1 - y0) * f32(x1 - x0))));
}

function log2ByDivision(value: number): number {
  return f32(f32(Math.log(value)) / f32(Math.LN2));
}
