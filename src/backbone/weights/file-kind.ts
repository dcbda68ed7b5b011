import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CairnError } from '../../errors.js';
import { openForReading } from '../../files/byte-source.js';
import { MAX_HEADER_BYTES } from '../../formats/safetensors/read.js';

export type FileKind = 'hdf5' | 'zip' | 'safetensors' | 'torch' | 'pickle' | 'tar' | 'gzip' | 'tensorflow';

const HEAD_BYTES = 512;
const HDF5 = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
/** A local file header, or the end of a zip that holds nothing. */
const ZIPS = [Buffer.from('PK\x03\x04', 'latin1'), Buffer.from('PK\x05\x06', 'latin1')];
const GZIP = Buffer.from([0x1f, 0x8b]);
/** The magic number of `torch.save` before it wrote zips, pickled by protocol 2. */
const TORCH = Buffer.from('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19', 'latin1');
/** The end of TensorFlow's tables: the index of a checkpoint, or a whole checkpoint of the first format. */
const TABLE = Buffer.from([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
/** Files of a checkpoint without a signature. */
const CHECKPOINT_NAME = /\.(meta|data-\d{5}-of-\d{5})$/;

/**
 * The kind of the file at `path`, by its bytes; unrecognised files count as safetensors, which has no
 * signature.
 *
 * @throws CairnError `weights-unreadable` when there is no such file.
 */
export async function tellFileKind(path: string): Promise<FileKind> {
  let head: Buffer;
  let tail: Buffer;
  try {
    if (!(await stat(path)).isFile()) throw new Error('not a file');
    const file = await openForReading(path);
    const [headBytes, tailBytes] = [Math.min(HEAD_BYTES, file.size), Math.min(TABLE.length, file.size)];
    try {
      head = await file.read(0, headBytes);
      tail = await file.read(file.size - tailBytes, tailBytes);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new CairnError('weights-unreadable', `There is no readable weights file at ${path}.`, { cause });
  }
  const begins = (mark: Buffer) => head.subarray(0, mark.length).equals(mark);
  if (begins(HDF5)) return 'hdf5';
  if (ZIPS.some(begins)) return 'zip';
  // A header of 640 bytes begins like a pickle.
  if (looksLikeSafetensors(head)) return 'safetensors';
  if (begins(TORCH)) return 'torch';
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return 'pickle';
  if (head.toString('latin1', 257, 262) === 'ustar') return 'tar';
  if (begins(GZIP)) return 'gzip';
  if (tail.equals(TABLE) || CHECKPOINT_NAME.test(path)) return 'tensorflow';
  return 'safetensors';
}

function looksLikeSafetensors(head: Buffer): boolean {
  return head.length > 8 && head.readBigUInt64LE() <= MAX_HEADER_BYTES && head[8] === 0x7b;
}

/** Why a file of an unsupported kind is refused, and what to do about it: a clause for `unreadable`. */
export function refusal(
  kind: Exclude<FileKind, 'hdf5' | 'zip' | 'safetensors' | 'torch' | 'pickle'> | 'keras',
  path: string,
): string {
  const name = basename(path);
  const stem = name.replace(/\.[a-z0-9]+$/i, '');
  switch (kind) {
    case 'keras':
      return `it is a whole Keras model; save its weights with model.save_weights('${stem}.weights.h5')`;
    case 'tensorflow': {
      const checkpoint = name.replace(/\.(index|meta|data-\d+-of-\d+)$/, '');
      return (
        'it is part of a TensorFlow checkpoint; convert that with ' +
        `python -c "import numpy as np, tensorflow as tf; c = tf.train.load_checkpoint('${checkpoint}'); ` +
        `np.savez('${checkpoint}.npz', **{n: c.get_tensor(n) for n, t in c.get_variable_to_dtype_map().items() if t.is_floating})"`
      );
    }
    case 'tar':
      return 'it is a tar archive; unpack it, and use the file inside';
    case 'gzip':
      return 'it is compressed by gzip; unpack it, and use the file inside';
  }
}
