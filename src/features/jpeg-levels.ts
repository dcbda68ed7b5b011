import { Comparison } from '../backbone/calibration/fidelity.js';
import type { Level } from '../backbone/tensor.js';
import { inOrder } from './band-stream.js';
import type { Description, FeatureSet, LevelDescription } from './feature-set.js';
import { bandImage, decodeBand, encodeBandImage } from './jpeg-band.js';
import { bandsOf, BLOCK, lengthOf } from './level-axes.js';

/** Bands encoded at once: enough to keep libuv's four threads busy. */
const IN_FLIGHT = 6;
/** Multiples of it, modulo 1, are spread evenly however many there are. */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

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
    const [encoded, lost] = await Promise.all([encodeLevel(level, described), lossOf(level, described)]);
    bands.set(level.name, encoded);
    loss[level.name] = lost;
  }
  return { levels, description: { ...description, loss }, bands };
}

async function encodeLevel({ tensor }: Level, level: LevelDescription): Promise<Uint8Array[]> {
  const tasks = Array.from({ length: bandsOf(level).count }, (_, band) => () => {
    return encodeBandImage(bandImage(tensor.data, level, band), level, band);
  });
  const encoded: Uint8Array[] = [];
  for await (const jpeg of inOrder(tasks, { limit: IN_FLIGHT })) encoded.push(jpeg);
  return encoded;
}

/**
 * What JPEG loses, measured on one row of blocks of every channel, each at another place. Blocks are compressed one by
 * one, so that a block loses the same in any image.
 */
async function lossOf({ tensor }: Level, level: LevelDescription): Promise<Loss> {
  const [channels, rows, columns] = [lengthOf(level, 'channel'), lengthOf(level, 'y'), lengthOf(level, 'x')];
  const height = Math.min(BLOCK, rows);
  const places = Math.floor(rows / height);
  const length = height * columns;
  const sample = new Uint8Array(channels * length);
  const map = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  for (let channel = 0; channel < channels; channel++) {
    const place = Math.floor(((channel * GOLDEN_RATIO) % 1) * places);
    const from = (channel * rows + place * height) * columns;
    map.copy(sample, channel * length, from, from + length);
  }
  const described: LevelDescription = { ...level, layout: 'nchw', shape: [channels, height, columns] };
  const { count, bytes } = bandsOf(described);
  const comparison = new Comparison();
  for (let band = 0; band < count; band++) {
    const jpeg = await encodeBandImage(bandImage(sample, described, band), described, band);
    const before = sample.subarray(band * bytes, (band + 1) * bytes);
    comparison.add(valuesOf(before, level), valuesOf(await decodeBand(jpeg, described, band), level));
  }
  const { snrDb, maxAbs } = comparison.result();
  return { snrDb: Number.isFinite(snrDb) ? snrDb : null, maxAbs };
}

/** In units of the level's scale. */
function valuesOf(bytes: Uint8Array, { quantization }: LevelDescription): Float32Array {
  const { zeroPoint } = quantization!;
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < values.length; i++) values[i] = bytes[i]! - zeroPoint;
  return values;
}
