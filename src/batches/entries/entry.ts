import { asCairnError, CairnError, type ErrorCode } from '../../errors.js';
import type { ImageSource } from '../../images/image-source.js';
import type { GivenOptions } from '../../jobs/options.js';

/** One image of a batch as it comes in, with its place from 1, or why there is none. */
export type Entry = { readonly line: number; readonly name: string } & (
  { readonly source: ImageSource; readonly options: GivenOptions } | { readonly error: CairnError }
);

/** What a submitter calls an image, in bytes of UTF-8; it travels with every answer about it. */
export const MAX_NAME_BYTES = 1024;

/** Lines, members or files of one batch. */
export const MAX_LINES = 10_000_000;

/** A reader's own name for what is called too long. */
export function clipName(name: string): string {
  return Buffer.byteLength(name) <= MAX_NAME_BYTES ? name : `${name.slice(0, MAX_NAME_BYTES / 4)}…`;
}

/**
 * What is wrong with one image, so that the others go on.
 *
 * @throws what is wrong with the whole: a store that fails, a client that has gone.
 */
export function refusal(thrown: unknown): CairnError {
  const error = asCairnError(thrown);
  if (error.transient || error.code === 'request-malformed') throw error;
  return error;
}

/** An image that is refused, with the reason as a sentence. */
export function refuse(
  { line, name }: Pick<Entry, 'line' | 'name'>,
  code: ErrorCode,
  message: string,
  cause?: unknown,
): Entry {
  return { line, name, error: new CairnError(code, message, { cause }) };
}
