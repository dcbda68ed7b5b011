import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CairnError } from '../../../errors.js';
import { publishedFile, type PublishedWeights } from '../published.js';
import { openUrl, type OpenSource, type SourceOptions } from './open-url.js';

/** @throws CairnError `weights-unavailable` when the file is absent; `weights-unreachable` for transient failures. */
export type Source = (offset: number, options: SourceOptions) => Promise<OpenSource>;

/**
 * The sources of the file of `entry`, to be tried in this order: its publisher, or else the mirror alone. On
 * a mirror `<name>` with the file's ending comes first, because publishers give different files the same name, then
 * the publisher's name.
 *
 * @throws CairnError `option-invalid` when `mirror` is neither an HTTP(S) URL, a file URL nor a path.
 */
export function sourcesOf(entry: Pick<PublishedWeights, 'name' | 'url'>, mirror?: string): Source[] {
  const published = new URL(entry.url);
  if (mirror === undefined) return [(offset, options) => openUrl(published, offset, options)];
  const names = [publishedFile(entry), basename(published.pathname)];
  if (/^https?:/i.test(mirror)) {
    if (!URL.canParse(mirror)) throw notAMirror(mirror);
    const base = new URL(mirror);
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    return names.map((name) => (offset, options) => openUrl(new URL(name, base), offset, options));
  }
  const folder = folderOf(mirror);
  return names.map((name) => (offset) => openFile(join(folder, name), offset));
}

function folderOf(mirror: string): string {
  try {
    if (/^file:/i.test(mirror)) return fileURLToPath(mirror);
  } catch (cause) {
    throw notAMirror(mirror, cause);
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(mirror)) throw notAMirror(mirror);
  return mirror;
}

function notAMirror(mirror: string, cause?: unknown): CairnError {
  const message = `"${mirror}" is not a mirror of weights; give an http, https or file URL, or the path of a folder.`;
  return new CairnError('option-invalid', message, { cause });
}

async function openFile(path: string, offset: number): Promise<OpenSource> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new CairnError('weights-unavailable', `There is no readable file ${path}.`, { cause });
  });
  const info = await file.stat();
  if (!info.isFile()) {
    await file.close();
    throw new CairnError('weights-unavailable', `${path} is not a file.`);
  }
  const start = offset <= info.size ? offset : 0;
  const chunks = file.createReadStream({ start });
  const close = async () => {
    chunks.destroy();
    await file.close();
  };
  return { start, total: info.size, chunks, close };
}
