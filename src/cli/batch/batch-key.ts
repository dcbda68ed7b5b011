import { createHash } from 'node:crypto';

/**
 * The key under which the same manifest with the same options is the same batch again.
 *
 * @param manifest SHA-256 of the manifest as it is submitted.
 * @param attempt counted from 1: what has ended with failures is not found again, but tried again.
 */
export function batchKey(manifest: string, query: URLSearchParams, attempt: number): string {
  const options = new URLSearchParams(query);
  options.sort();
  const key = createHash('sha256').update(`${manifest}\n${options.toString()}`).digest('hex');
  return attempt === 1 ? key : `${key}-${attempt}`;
}
