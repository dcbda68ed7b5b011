import { asCairnError, CairnError, type ErrorCode } from '../../errors.js';
import type { ImageSource } from '../../images/image-source.js';
import type { GivenOptions } from '../../jobs/options.js';

/** One image of a batch on submission, with its line number from 1, or the error it was refused with. */
export type Entry = { readonly line: number; readonly name: string } & (
  { readonly source: ImageSource; readonly options: GivenOptions } | { readonly error: CairnError }
);

/** The longest name of an image, in bytes of UTF-8: every result about the image repeats it. */
export const MAX_NAME_BYTES = 1024;

/** Lines, members or files of one batch. */
export const MAX_LINES = 10_000_000;

/** Shortens a name that is too long. */
export function clipName(name: string): string {
  return Buffer.byteLength(name) <= MAX_NAME_BYTES ? name : `${name.slice(0, MAX_NAME_BYTES / 4)}…`;
}

/**
 * The error of one image; the others continue.
 *
 * @throws errors of the batch as a whole: the store failed, or the client went away.
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
