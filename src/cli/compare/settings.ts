import type { Codec, Dtype, Precision } from '../../backbone/tensor.js';

/** One way to compute and keep features: the fields of a spec that `cairn compare` varies. */
export interface Setting {
  readonly precision: Precision;
  readonly dtype: Dtype;
  readonly codec: Codec;
  /** That of JPEG. */
  readonly quality?: number;
}

/** The default, and one towards quality and towards size: the loss of each is in docs/choosing.md. */
const JPEG_QUALITIES = [85, 75, 60] as const;

const ENCODINGS: readonly Omit<Setting, 'precision'>[] = [
  { dtype: 'float16', codec: 'zstd' },
  { dtype: 'uint8', codec: 'zstd' },
  ...JPEG_QUALITIES.map((quality) => ({ dtype: 'uint8', codec: 'jpeg', quality }) as const),
];

/** What the others are compared with: nothing is lost. */
export const REFERENCE: Setting = { precision: 'float32', dtype: 'float32', codec: 'zstd' };

/** The encodings of a network that computes in `precision`. Neighbours share a compiled session where they can. */
export function settingsOf(precision: Precision): Setting[] {
  return ENCODINGS.map((encoding) => ({ precision, ...encoding }));
}

/** How the levels are kept, as a person reads it. */
export function encodingName({ dtype, codec, quality }: Setting): string {
  return codec === 'jpeg' ? `${dtype} jpeg ${quality}` : `${dtype} ${codec}`;
}
