import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { CairnError } from '../errors.js';

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.avif']);

/** @throws CairnError `image-missing`. */
export async function readImage(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

/**
 * Checks that an image can be opened, before a network is compiled for it.
 *
 * @returns why it cannot.
 */
export async function findImageProblem(path: string): Promise<CairnError | undefined> {
  return access(path, constants.R_OK).then(
    () => undefined,
    (cause: unknown) => unreadable(path, cause),
  );
}

function unreadable(path: string, cause: unknown): CairnError {
  return new CairnError('image-missing', `${path} cannot be read.`, { cause });
}

/** The image files of a folder, sorted by path; includes links to images, but no hidden files. */
export async function imagesIn(folder: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive }).catch((cause: unknown) => {
    throw new CairnError('image-missing', `${folder} cannot be read.`, { cause });
  });
  const images: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.') || !isImage(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    // A broken link is kept: it fails under its name instead of being skipped silently.
    const isFolder = entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isDirectory();
    if (!entry.isDirectory() && isFolder !== true) images.push(path);
  }
  return images.sort();
}

export function isImage(path: string): boolean {
  return EXTENSIONS.has(parse(path).ext.toLowerCase());
}

/** Images and the images of folders, in the order given. @throws CairnError `image-missing`. */
export async function expandFolders(paths: readonly string[]): Promise<string[]> {
  const images: string[] = [];
  for (const path of paths) {
    const problem = await findImageProblem(path);
    if (problem) throw problem;
    if ((await stat(path)).isDirectory()) images.push(...(await imagesIn(path, true)));
    else images.push(path);
  }
  if (images.length > 0) return images;
  throw new CairnError('image-missing', `There is no image in ${paths.join(', ')}.`);
}
