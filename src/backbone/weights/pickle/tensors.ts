import type { Buildable } from '../../../formats/pickle/unpickle.js';
import type { Shape } from '../../graph/graph.js';
import { sizeOf } from '../../graph/summary.js';

/** A run of numbers of one type in a PyTorch file; several tensors may be views of it. */
export interface TorchStorage {
  /** Its name in the file. */
  readonly key: string;
  /** As PyTorch calls it: `float32`, `int64`, … */
  readonly dtype: string;
  readonly elements: number;
}

/** The axes of a tensor of at most this many elements are walked; PyTorch allows 64. */
const MAX_DIMENSIONS = 8;

/** A view of a storage: element `[i, j, …]` stands at `offset + i · strides[0] + j · strides[1] + …`. */
export class TorchTensor implements Buildable {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: Shape,
    readonly strides: readonly number[],
  ) {}

  /** The attributes of a subclass are dropped. */
  build(): void {}

  /** The elements of the storage from the first to the last that the view has. */
  get extent(): number {
    if (this.shape.includes(0)) return 0;
    return this.shape.reduce((last, length, axis) => last + (length - 1) * this.strides[axis]!, 1);
  }

  get contiguous(): boolean {
    let step = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      if (this.shape[axis] !== 1 && this.strides[axis] !== step) return false;
      step *= this.shape[axis]!;
    }
    return true;
  }
}

/**
 * The tensor that `_rebuild_tensor_v2` makes of its arguments.
 *
 * @throws Error, its message a clause about the file, for a view that lies outside its storage or repeats elements of it,
 *   which could be of any size.
 */
export function torchTensor(storage: TorchStorage, offset: unknown, size: unknown, stride: unknown): TorchTensor {
  const [shape, strides] = [lengths(size), lengths(stride)];
  if (!isLength(offset) || !shape || !strides || shape.length !== strides.length) {
    throw new Error('a tensor has no offset, size and strides');
  }
  const tensor = new TorchTensor(storage, offset, shape, strides);
  if (offset + tensor.extent > storage.elements) throw new Error(`a tensor lies outside its storage ${storage.key}`);
  if (sizeOf(shape) > storage.elements) {
    throw new Error(`a tensor of shape [${shape.join(', ')}] repeats the ${storage.elements} elements of its storage`);
  }
  return tensor;
}

/** The elements of `tensor` in C order, out of `extent` values that begin with its first. */
export function toContiguous({ shape, strides }: TorchTensor, values: Float32Array): Float32Array {
  const ordered = new Float32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  for (let to = 0, from = 0; to < ordered.length; to++) {
    ordered[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return ordered;
}

/** The type of a NumPy array. */
export class NumpyDtype implements Buildable {
  private order = '|';

  /** `kind`: `f4`, `i8`, … */
  constructor(private readonly kind: string) {}

  /** `[version, byte order, …]`. */
  build(state: unknown): void {
    const order: unknown = Array.isArray(state) ? state[1] : undefined;
    if (typeof order === 'string' && order.length === 1) this.order = order;
  }

  /** As npy files write it: `<f4`. */
  get descr(): string {
    return (this.order === '=' ? '<' : this.order) + this.kind;
  }
}

/** An array of NumPy; its state is set once it is made. */
export class NumpyArray implements Buildable {
  dtype: NumpyDtype | undefined;
  shape: Shape = [];
  fortranOrder = false;
  /** Bytes, a text whose characters are bytes, or the place of either. */
  data: unknown;

  /** `[version, shape, dtype, whether the first axis runs fastest, data]`. */
  build(state: unknown): void {
    const [, shape, dtype, fortranOrder, data] = Array.isArray(state) ? (state as unknown[]) : [];
    const found = lengths(shape);
    if (!found || !(dtype instanceof NumpyDtype)) throw new Error('an array of NumPy has no shape and type');
    this.shape = found;
    this.dtype = dtype;
    this.fortranOrder = fortranOrder === true || fortranOrder === 1;
    this.data = data;
  }
}

function lengths(value: unknown): number[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_DIMENSIONS) return undefined;
  const found = value as unknown[];
  return found.every(isLength) ? [...found] : undefined;
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
