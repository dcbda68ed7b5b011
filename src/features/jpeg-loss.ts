import { fidelity } from '../backbone/calibration/fidelity.js';
import type { Level } from '../backbone/tensor.js';
import type { FeatureSet, LevelDescription } from './feature-set.js';
import { decodeBand, encodeBand } from './jpeg-band.js';
import { bandsOf } from './level-axes.js';

/** Bands of a level on which the loss is measured, spread evenly. */
const SAMPLED = 2;

/** The set with what JPEG loses of each level; the same set where no level is stored as JPEG. */
export async function withLoss(set: FeatureSet): Promise<FeatureSet> {
  const { description, levels } = set;
  if (description.levels.every(({ codec }) => codec === undefined)) return set;
  const losses = await Promise.all(
    levels.map(async (level, index) => [level.name, await lossOf(level, description.levels[index]!)] as const),
  );
  return { levels, description: { ...description, loss: Object.fromEntries(losses) } };
}

async function lossOf(
  { tensor }: Level,
  described: LevelDescription,
): Promise<{ snrDb: number | null; maxAbs: number }> {
  const { count, bytes } = bandsOf(described);
  const step = Math.max(1, Math.floor(count / SAMPLED));
  const pairs: { before: Uint8Array; after: Uint8Array }[] = [];
  for (let band = step >> 1; band < count && pairs.length < SAMPLED; band += step) {
    const before = tensor.data.subarray(band * bytes, (band + 1) * bytes);
    pairs.push({ before, after: await decodeBand(await encodeBand(before, described, band), described, band) });
  }
  const { zeroPoint } = described.quantization!;
  const values = (parts: readonly Uint8Array[]) => Float32Array.from(Buffer.concat(parts), (q) => q - zeroPoint);
  const { snrDb, maxAbs } = fidelity(
    values(pairs.map(({ before }) => before)),
    values(pairs.map(({ after }) => after)),
  );
  return { snrDb: Number.isFinite(snrDb) ? snrDb : null, maxAbs };
}
