import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CairnError } from '../../../errors.js';
import { publishedFile, type PublishedWeights } from '../published.js';
import { openFile } from './open-file.js';
import { openUrl } from './open-url.js';
import type { Source } from './source.js';

/**
 * Where the file of `entry` is looked for, in this order: at its publisher's, or, where there is a
 * mirror, there and nowhere else. A mirror is asked for `<name>.h5` first, because publishers give
 * different files the same name, and then for the name that the publisher gives.
 *
 * @throws CairnError `option-invalid` when `mirror` is neither an HTTP(S) URL, a file URL nor a path.
 */
export function sourcesOf(entry: PublishedWeights, mirror?: string): Source[] {
  const published = new URL(entry.url);
  if (mirror === undefined) return [(offset, patience) => openUrl(published, offset, patience)];
  const names = [publishedFile(entry), basename(published.pathname)];
  if (/^https?:/i.test(mirror)) {
    const base = parseUrl(mirror);
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    return names.map((name) => (offset, patience) => openUrl(new URL(name, base), offset, patience));
  }
  const folder = mirrorFolder(mirror);
  return names.map((name) => (offset) => openFile(join(folder, name), offset));
}

function mirrorFolder(mirror: string): string {
  if (/^file:/i.test(mirror)) {
    try {
      return fileURLToPath(mirror);
    } catch (cause) {
      throw notAMirror(mirror, cause);
    }
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(mirror)) throw notAMirror(mirror);
  return mirror;
}

function parseUrl(text: string): URL {
  if (URL.canParse(text)) return new URL(text);
  throw notAMirror(text);
}

function notAMirror(mirror: string, cause?: unknown): CairnError {
  const message = `"${mirror}" is not a mirror of weights; give an http, https or file URL, or the path of a folder.`;
  return new CairnError('option-invalid', message, { cause });
}
