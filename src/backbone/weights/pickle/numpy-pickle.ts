import type { ByteSource, OpenFile } from '../../../files/byte-source.js';
import { FLOAT_BYTES, FLOATS_READ, swapBytes, toFloat32 } from '../../../formats/floats.js';
import { fromFortranOrder, npyFloatType } from '../../../formats/npy-header.js';
import { PickleBytes } from '../../../formats/pickle/pickle-bytes.js';
import { Span, unpickle, UnsafePickle } from '../../../formats/pickle/unpickle.js';
import { sizeOf } from '../../graph/summary.js';
import type { WeightsReader } from '../weights-reader.js';
import { findGlobal } from './globals.js';
import { readerOf, refused, type TensorSource } from './pickle-reader.js';
import { findStateDict } from './state-dict.js';
import { NumpyArray } from './tensors.js';

/**
 * Opens a pickle of a dictionary of NumPy arrays, as Detectron2's model zoo publishes them: protocols 2 to 5, of Python 2
 * and 3. The bytes of the arrays stay in the file until they are wanted. Takes over `file`.
 *
 * @throws CairnError `weights-unreadable`, or `weights-unsafe-pickle` naming what the pickle asks for.
 */
export async function openNumpyPickle(path: string, file: OpenFile): Promise<WeightsReader> {
  try {
    const root = await unpickle(new PickleBytes(file), {
      find: findGlobal,
      persistent: () => {
        throw new UnsafePickle('its pickle has a persistent id, which names something outside of it');
      },
    });
    const { tensors, within } = findStateDict(root);
    const arrays = [...tensors].filter((entry): entry is [string, NumpyArray] => entry[1] instanceof NumpyArray);
    const source: TensorSource<NumpyArray> = {
      format: 'numpy-pickle',
      dtypeOf: ({ dtype }) => dtype?.descr ?? 'none',
      read: (array) => readArray(file, array),
      close: () => file.close(),
    };
    return readerOf(path, { tensors: new Map(arrays), within }, source);
  } catch (error) {
    await file.close();
    throw refused(path, error);
  }
}

async function readArray(file: ByteSource, { dtype, shape, fortranOrder, data }: NumpyArray): Promise<Float32Array> {
  const descr = dtype?.descr ?? 'none';
  const float = npyFloatType(descr);
  if (!float) throw new Error(`its type is ${descr}; ${FLOATS_READ}, bfloat16 not from arrays of NumPy`);
  const size = FLOAT_BYTES[float.type];
  const bytes = await bytesOf(file, data, sizeOf(shape) * size);
  if (float.bigEndian) swapBytes(bytes, size);
  const values = toFloat32(bytes, float.type);
  return fortranOrder ? fromFortranOrder(values, shape) : values;
}

/** The `length` bytes of an array, aligned. Their number is compared with the file's before they are read. */
async function bytesOf(file: ByteSource, data: unknown, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const held = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
  if (held instanceof Uint8Array) {
    if (held.length !== length) throw wrongLength(held.length, length);
    return new Uint8Array(held);
  }
  if (!(held instanceof Span)) throw new Error('it is not an array of numbers');
  const isText = held.encoding === 'utf8';
  // A byte of 128 and above takes two in UTF-8.
  if (held.length < length || held.length > (isText ? 2 : 1) * length) throw wrongLength(held.length, length);
  const read = await file.read(held.start, held.length);
  return isText ? bytesOfText(read, length) : read;
}

/** UTF-8 of characters up to U+00FF → these as bytes. */
function bytesOfText(text: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let to = 0;
  for (let from = 0; from < text.length; to++) {
    const first = text[from++]!;
    if (first < 0x80) bytes[to] = first;
    else if (first === 0xc2 || first === 0xc3) bytes[to] = ((first & 3) << 6) | (text[from++]! & 0x3f);
    else throw new Error('its text has characters that are no bytes');
  }
  if (to !== length) throw wrongLength(to, length);
  return bytes;
}

function wrongLength(found: number, expected: number): Error {
  return new Error(`it has ${found} bytes where its shape needs ${expected}`);
}
