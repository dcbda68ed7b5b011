import { CairnError } from '../../../errors.js';
import { FLOAT_BYTES, FLOATS_READ, toFloat32, type FloatType } from '../../../formats/floats.js';
import { UnsafePickle } from '../../../formats/pickle/unpickle.js';
import { unreadable, type WeightsEntry, type WeightsReader } from '../weights-reader.js';
import type { StateDict, Tensor } from './state-dict.js';

/** What a kind of file says of its tensors, and how it gives their values. */
export interface TensorSource<T extends Tensor> {
  readonly format: WeightsReader['format'];
  dtypeOf(tensor: T): string;
  /** @throws Error, its message a clause about the file. */
  read(tensor: T): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A reader of the tensors of a state_dict, each read when it is wanted. */
export function readerOf<T extends Tensor>(
  path: string,
  { tensors, within }: StateDict & { tensors: ReadonlyMap<string, T> },
  source: TensorSource<T>,
): WeightsReader {
  const found = new Map<WeightsEntry, T>();
  for (const [name, tensor] of tensors)
    found.set({ path: name, shape: tensor.shape, dtype: source.dtypeOf(tensor) }, tensor);
  const entries = [...found.keys()];
  return {
    format: source.format,
    ...(within && { within }),
    entries: () => entries,
    read: async (entry) => {
      try {
        return await source.read(found.get(entry)!);
      } catch (error) {
        throw refused(path, error, `${entry.path} cannot be read: `);
      }
    },
    close: () => source.close(),
  };
}

/** Little-endian numbers of a type that PyTorch or NumPy names, as float32. */
export function floatsOf(bytes: Buffer<ArrayBuffer>, dtype: string): Float32Array {
  return toFloat32(bytes, floatType(dtype));
}

/** @throws Error, its message a clause, when it is no float that is read. */
export function floatType(dtype: string): FloatType {
  if (!Object.hasOwn(FLOAT_BYTES, dtype)) throw new Error(`its type is ${dtype}; ${FLOATS_READ}`);
  return dtype as FloatType;
}

/** An error of a reader as one about the file at `path`: `weights-unsafe-pickle` or `weights-unreadable`. */
export function refused(path: string, error: unknown, where = ''): CairnError {
  if (error instanceof CairnError) return error;
  const why = error instanceof Error ? error.message : String(error);
  if (!(error instanceof UnsafePickle)) return unreadable(path, where + why, error);
  return new CairnError(
    'weights-unsafe-pickle',
    `${path} is refused: ${why}. Cairn reads the tensors of pickles and runs none of their code; save model.state_dict() alone.`,
    { cause: error },
  );
}
