import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/**
 * `md5:` or `sha256:` and hexadecimal digits: all of them, or the first ones where the publisher states no more, as file
 * names of torchvision (8 of SHA-256) and Detectron2 (6 of MD5) do.
 */
export type Digest = `${'md5' | 'sha256'}:${string}`;

/** The whole digest of a file, by the algorithm of `like`. */
export async function digestOf(path: string, like: Digest): Promise<Digest> {
  const [algorithm] = like.split(':') as ['md5' | 'sha256'];
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return `${algorithm}:${hash.digest('hex')}`;
}

/** Whether a whole digest is the stated one. */
export function agrees(whole: Digest, stated: Digest): boolean {
  return whole.startsWith(stated);
}
