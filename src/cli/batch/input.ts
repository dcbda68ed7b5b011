import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join, parse, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asCairnError, CairnError } from '../../errors.js';
import { splitLines } from '../../formats/split-lines.js';
import { imagesIn, isImage } from '../images.js';
import { parseManifestLine, type InputLine } from './manifest-line.js';

const MAX_LINE_BYTES = 1 << 16;

/** The lines of a batch; can be iterated any number of times. */
export type Input = () => AsyncIterable<InputLine>;

export interface InputOptions {
  /** Include images in subfolders. */
  readonly recursive: boolean;
  /** A private folder, for a copy of stdin. */
  readonly workspace: string;
  readonly signal: AbortSignal;
}

/**
 * A folder of images, a manifest, or `-`: a manifest on stdin, with paths relative to the working folder.
 *
 * @throws CairnError `image-missing` if nothing can be read or a folder has no image, `option-invalid` for an image
 *   in place of a manifest.
 */
export async function openInput(target: string, { recursive, workspace, signal }: InputOptions): Promise<Input> {
  if (target === '-') {
    const copy = join(workspace, 'stdin');
    await pipeline(process.stdin, createWriteStream(copy), { signal });
    return () => manifestLines(copy, '.');
  }
  const found = await stat(target).catch((cause: unknown) => {
    throw new CairnError('image-missing', `${target} cannot be read.`, { cause });
  });
  if (found.isDirectory()) {
    const images = await imagesIn(target, recursive);
    if (images.length === 0) throw new CairnError('image-missing', `There is no image in ${target}.`);
    return () => folderLines(target, images);
  }
  if (isImage(target)) {
    throw new CairnError('option-invalid', `${target} is an image; name its folder, or a manifest that lists it.`);
  }
  return () => manifestLines(target, dirname(target));
}

async function* manifestLines(path: string, base: string): AsyncGenerator<InputLine> {
  try {
    for await (const { number, bytes } of splitLines(createReadStream(path), MAX_LINE_BYTES)) {
      const line = parseManifestLine(bytes?.toString('utf8'), number);
      if (!line) continue;
      if (!('source' in line) || !('path' in line.source)) yield line;
      else yield { ...line, source: { path: resolve(base, line.source.path) } };
    }
  } catch (error) {
    throw asCairnError(error, 'image-missing');
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- the same interface as for a manifest
async function* folderLines(folder: string, images: readonly string[]): AsyncGenerator<InputLine> {
  for (const [index, path] of images.entries()) {
    const { dir, name } = parse(relative(folder, path));
    const parts = [...dir.split(sep), name].filter((part) => part !== '');
    yield { line: index + 1, name: parts.join('/'), source: { path: resolve(path) }, options: {} };
  }
}
