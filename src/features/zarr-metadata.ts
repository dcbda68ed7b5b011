import { bandsOf, jpegChunk } from './level-axes.js';
import type { Description, LevelDescription } from './feature-set.js';
import type { QuantizationParameters } from '../backbone/quantization.js';
import { axesOf, BYTES_PER_ELEMENT, NCHW } from '../backbone/tensor.js';
import { ZSTD_LEVEL } from '../formats/zstd.js';

/** Paths inside an archive: a Zarr v3 group with one array per level. */
export const GROUP_PATH = 'zarr.json';
export const arrayPath = (level: string): string => `${level}/zarr.json`;
export const bandPath = (level: string, band: number): string => `${level}/c/${band}/0/0`;

/**
 * `zarr.json` of the group; the description becomes its attributes. Over HTTP nothing can be listed, so
 * the group also holds its arrays' metadata, in the form of consolidated metadata.
 */
export function groupMetadata(description: Description): object {
  const arrays = description.levels.map((level) => [level.name, arrayMetadata(level)]);
  return {
    zarr_format: 3,
    node_type: 'group',
    attributes: description,
    consolidated_metadata: { kind: 'inline', must_understand: false, metadata: Object.fromEntries(arrays) as object },
  };
}

/**
 * `zarr.json` of one level (Zarr v3 core specification): little-endian bytes, then zstd. Integers have the attributes of
 * the CF conventions (section 8.1, packed data), `value = scale_factor · q + add_offset`, and the integer that stands for
 * 0 as their fill value.
 */
export function arrayMetadata(level: LevelDescription): object {
  const { quantization } = level;
  return {
    zarr_format: 3,
    node_type: 'array',
    shape: level.shape,
    data_type: level.dtype,
    chunk_grid: { name: 'regular', configuration: { chunk_shape: chunkShape(level) } },
    chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
    fill_value: quantization?.zeroPoint ?? 0,
    codecs: codecsOf(level),
    dimension_names: axesOf(level),
    attributes: { stride: level.stride, ...(quantization && packing(quantization)) },
  };
}

function chunkShape(level: LevelDescription): readonly number[] {
  return level.codec === 'jpeg' ? jpegChunk(level) : bandsOf(level).shape;
}

/**
 * JPEG as in the draft of the codec in zarr-extensions (pull request 66): a grey image of a two-dimensional array, which
 * `transpose` and `reshape` make of the chunk: channels first, their planes below each other.
 */
function codecsOf(level: LevelDescription): object[] {
  if (level.codec !== 'jpeg') {
    return [bytesCodec(level), { name: 'zstd', configuration: { level: ZSTD_LEVEL, checksum: false } }];
  }
  const order = NCHW.map((axis) => axesOf(level).indexOf(axis));
  return [
    ...(order[0] === 0 ? [] : [{ name: 'transpose', configuration: { order } }]),
    { name: 'reshape', configuration: { shape: [[0, 1], [2]] } },
    { name: 'jpeg', configuration: { quality: level.quality } },
  ];
}

/** Elements of one byte have no order of bytes. */
function bytesCodec({ dtype }: LevelDescription): object {
  return BYTES_PER_ELEMENT[dtype] === 1 ? { name: 'bytes' } : { name: 'bytes', configuration: { endian: 'little' } };
}

/** The product of a float32 and 8 bits is exact in a float64. */
function packing({ scale, zeroPoint }: QuantizationParameters): object {
  return { scale_factor: scale, add_offset: 0 - scale * zeroPoint };
}
