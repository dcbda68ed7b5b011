import { Comparison } from '../backbone/calibration/fidelity.js';
import type { Level } from '../backbone/tensor.js';
import { inOrder } from './band-stream.js';
import type { Description, FeatureSet, LevelDescription } from './feature-set.js';
import { bandImage, decodeBandImage, encodeBandImage, planesOf } from './jpeg-band.js';
import { bandsOf } from './level-axes.js';

/** Bands encoded at once: enough to keep libuv's four threads busy. */
const IN_FLIGHT = 6;
/** Bands of a level on which the loss is measured, spread evenly. */
const SAMPLED_BANDS = 2;
/** Elements of a band that are compared, about: those of its first channels, which are no different from the others. */
const SAMPLED_ELEMENTS = 1 << 17;

type Loss = NonNullable<Description['loss']>[string];

/**
 * The set with its bands as JPEG images, and in its description what they lose; the same set where it is stored without
 * loss. Compressed, the levels of an image are a few megabytes.
 */
export async function encodeJpegLevels(set: FeatureSet): Promise<FeatureSet> {
  const { description, levels } = set;
  if (description.levels.every(({ codec }) => codec === undefined)) return set;
  const bands = new Map<string, readonly Uint8Array[]>();
  const loss: Record<string, Loss> = {};
  for (const [index, level] of levels.entries()) {
    const described = description.levels[index]!;
    const { encoded, lost } = await encodeLevel(level, described);
    bands.set(level.name, encoded);
    loss[level.name] = lost;
  }
  return { levels, description: { ...description, loss }, bands };
}

async function encodeLevel({ tensor }: Level, level: LevelDescription): Promise<{ encoded: Uint8Array[]; lost: Loss }> {
  const { count } = bandsOf(level);
  const step = Math.max(1, Math.floor(count / SAMPLED_BANDS));
  const isSampled = (band: number) => band % step === step >> 1 && band < step * SAMPLED_BANDS;
  const comparison = new Comparison();
  const tasks = Array.from({ length: count }, (_, band) => async () => {
    const image = bandImage(tensor.data, level, band);
    const jpeg = await encodeBandImage(image, level, band);
    if (isSampled(band)) {
      const { channels, rows, columns } = planesOf(level, band);
      const compared = Math.min(channels, Math.ceil(SAMPLED_ELEMENTS / (rows * columns)));
      const decoded = await decodeBandImage(jpeg, level, band, compared);
      comparison.add(valuesOf(image, level, band, compared), valuesOf(decoded, level, band, compared));
    }
    return jpeg;
  });
  const encoded: Uint8Array[] = [];
  for await (const jpeg of inOrder(tasks, { limit: IN_FLIGHT })) encoded.push(jpeg);
  const { snrDb, maxAbs } = comparison.result();
  return { encoded, lost: { snrDb: Number.isFinite(snrDb) ? snrDb : null, maxAbs } };
}

/** Values of the first channels of a band, in units of the level's scale, without the repeated rows and columns. */
function valuesOf(image: Uint8Array, level: LevelDescription, band: number, channels: number): Float32Array {
  const { rows, columns, paddedRows, paddedColumns } = planesOf(level, band);
  const { zeroPoint } = level.quantization!;
  const values = new Float32Array(channels * rows * columns);
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      const from = (channel * paddedRows + row) * paddedColumns;
      for (let column = 0; column < columns; column++) values[to++] = image[from + column]! - zeroPoint;
    }
  }
  return values;
}
