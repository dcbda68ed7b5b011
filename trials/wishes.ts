import type { Random } from './random.js';

/** What is asked for: small, so that there can be thousands of them, and of every encoding. */
export const WISHES = [
  'model=mask-rcnn-resnet18&size=64&levels=C4,C5',
  'model=mask-rcnn-resnet18&size=64&levels=C5&dtype=float32',
  'model=mask-rcnn-resnet18&size=96&levels=C4,C5&dtype=uint8',
  'model=mask-rcnn-resnet18&size=64&levels=C5&layout=nchw',
] as const;

/** One image to be computed: its number in the pool, and the number of what is wanted of it. */
export interface Wanted {
  readonly image: number;
  readonly wish: number;
}

export function draw(random: Random, nextNumber: () => number): Wanted {
  return { image: nextNumber(), wish: random.below(WISHES.length) };
}

/** The options of a wish as the fields of a line of a manifest. */
export function fieldsOf(wish: number): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.fromEntries(new URLSearchParams(WISHES[wish]));
  return { ...fields, size: Number(fields['size']), levels: String(fields['levels']).split(',') };
}
