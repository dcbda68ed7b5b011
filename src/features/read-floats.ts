import type { ArchiveReader } from './archive-reader.js';
import { bandPieces, inOrder } from './band-stream.js';
import type { LevelDescription } from './feature-set.js';
import { converter } from './level-values.js';

/**
 * A whole level of an archive as float32, in the order of its array; integers as the values that they stand for.
 *
 * @throws CairnError `archive-corrupt`.
 */
export async function readFloats(archive: ArchiveReader, level: LevelDescription): Promise<Float32Array<ArrayBuffer>> {
  const [first, second, third] = level.shape;
  const floats = new Float32Array(first * second * third);
  const bytes = new Uint8Array(floats.buffer);
  const toFloats = converter(level, 'float32');
  let offset = 0;
  for await (const band of inOrder(bandPieces([archive], level))) {
    const converted = toFloats(band);
    bytes.set(converted, offset);
    offset += converted.length;
  }
  return floats;
}
