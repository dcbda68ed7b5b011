import { parse, posix } from 'node:path';
import { z } from 'zod';
import { CairnError } from '../../errors.js';

/** The location of one image; paths are those of this machine. */
export type Source = { readonly path: string } | { readonly url: string } | { readonly sha256: string };

export interface Entry {
  /** Line number in the manifest, or the image's position in the folder; from 1. */
  readonly line: number;
  readonly name: string;
  readonly source: Source;
  /** Options for this image alone, in the server's form. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A line that cannot be submitted, and why. */
export interface BadLine {
  readonly line: number;
  readonly name: string | undefined;
  readonly error: CairnError;
}

export type InputLine = Entry | BadLine;

const IS_URL = /^https?:\/\//i;
const BYTE_ORDER_MARK = '\uFEFF';

const sourceSchema = z.union([
  z.strictObject({ path: z.string().min(1) }),
  z.strictObject({ url: z.url({ protocol: /^https?$/i }) }),
  z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
]);
const lineSchema = z.looseObject({ source: sourceSchema, name: z.string().min(1).optional() });

/**
 * One line of a manifest: a JSON object, or a plain path or URL. Undefined for an empty line.
 *
 * @param text undefined if the line is too long.
 */
export function parseManifestLine(text: string | undefined, line: number): InputLine | undefined {
  if (text === undefined) return bad(line, 'The line is too long.');
  const trimmed = (line === 1 ? text.replace(BYTE_ORDER_MARK, '') : text).trim();
  if (trimmed === '') return undefined;
  if (!trimmed.startsWith('{')) {
    const isUrl = IS_URL.test(trimmed);
    if (isUrl && !URL.canParse(trimmed)) return bad(line, `${trimmed} is not a URL.`);
    const source: Source = isUrl ? { url: trimmed } : { path: trimmed };
    return { line, name: nameOf(source), source, options: {} };
  }
  let json: unknown;
  try {
    json = JSON.parse(trimmed);
  } catch (cause) {
    return bad(line, `The line is not JSON: ${(cause as Error).message}.`, cause);
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) {
    const wrong =
      parsed.error.issues[0]?.path[0] === 'name'
        ? 'name must be a string that is not empty'
        : 'source must be one of path, url (http or https) or sha256 (64 lowercase hexadecimal digits)';
    return bad(line, `${wrong}, as in {"source": {"path": "photo.jpg"}, "name": "photo"}.`);
  }
  const { source, name, ...options } = parsed.data;
  return { line, name: name ?? nameOf(source), source, options };
}

/** The default name of an image: its file name without the extension, as in `extract`. */
function nameOf(source: Source): string {
  if ('sha256' in source) return source.sha256;
  if ('path' in source) return parse(source.path).name;
  const { hostname, pathname } = new URL(source.url);
  const last = posix.parse(pathname).name;
  try {
    return decodeURIComponent(last) || hostname;
  } catch {
    return last;
  }
}

function bad(line: number, message: string, cause?: unknown): BadLine {
  return { line, name: undefined, error: new CairnError('request-malformed', message, { cause }) };
}
