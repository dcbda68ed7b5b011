import { CairnError } from '../../../errors.js';
import type { Digest } from './digest.js';
import type { SourceOptions } from './open-url.js';

/** A file of a repository on the Hugging Face hub. */
export interface HubReference {
  readonly owner: string;
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Without it, the first of `DEFAULT_FILES` that is there. */
  readonly file?: string;
}

/** What the hub states of a file. */
export interface HubFile {
  /** Of this very version. */
  readonly url: string;
  readonly bytes: number;
  readonly digest: Digest;
}

export interface HubOptions extends Partial<SourceOptions> {
  readonly endpoint: string;
  readonly token?: string | undefined;
}

const DEFAULT_FILES = ['model.safetensors', 'pytorch_model.bin'] as const;
const REFERENCE = /^hf:([\w-][\w.-]*)\/([\w-][\w.-]*)((?:\/[\w-][\w.-]*)*)(?:@([\w-][\w./-]*))?$/;
const RESOLVE = /^\/([\w.-]+)\/([\w.-]+)\/resolve\/([\w.-]+)\/(.+)$/;
const MAX_REDIRECTS = 5;
const SILENCE_MS = 30_000;

/**
 * `hf:OWNER/NAME`, with `/FILE` and `@REVISION` where they are given.
 *
 * @throws CairnError `option-invalid` for anything else.
 */
export function parseHubReference(text: string): HubReference {
  const [, owner, name, file, revision = 'main'] = REFERENCE.exec(text) ?? [];
  if (owner === undefined || name === undefined || text.includes('..')) {
    throw new CairnError(
      'option-invalid',
      `"${text}" names no file on the hub; write hf:OWNER/NAME[/FILE][@REVISION].`,
    );
  }
  return { owner, name, revision, ...(file && { file: file.slice(1) }) };
}

/** The file that a URL of the hub names. */
export function hubReferenceOf(url: string): HubReference {
  const [, owner, name, revision, file] = RESOLVE.exec(new URL(url).pathname) ?? [];
  return { owner: owner!, name: name!, revision: revision!, file: file! };
}

/**
 * Asks the hub for the size and SHA-256 of a file, which it states in headers of its own (`x-linked-size`,
 * `x-linked-etag`) of a redirect to a file server, and for the commit, so that the download gets the same version.
 *
 * @throws CairnError `weights-unavailable` when there is no such file, access is refused, or the hub states no SHA-256;
 *   `weights-unreachable` for transient failures, `cancelled`.
 */
export async function resolveHubFile(reference: HubReference, options: HubOptions): Promise<HubFile> {
  const files = reference.file === undefined ? DEFAULT_FILES : [reference.file];
  for (const file of files) {
    const found = await ask({ ...reference, file }, options);
    if (found) return found;
  }
  const { owner, name, revision } = reference;
  throw new CairnError(
    'weights-unavailable',
    `The hub has no ${files.join(' or ')} in ${owner}/${name} at ${revision}.`,
  );
}

/** Undefined when the repository has no such file. */
async function ask(reference: Required<HubReference>, options: HubOptions): Promise<HubFile | undefined> {
  let url = urlOf(reference, options.endpoint);
  const { host } = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await head(url, options);
    const { status, headers } = response;
    // Another redirect may have an ETag of its own body.
    const stated = headers.get('x-linked-etag') ?? (status === 200 ? headers.get('etag') : null);
    if (stated !== null && status < 400) return describe(reference, headers, stated, options.endpoint);
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null) {
      // A repository was renamed. Another host states nothing for the hub.
      url = new URL(location, url).href;
      if (new URL(url).host === host) continue;
      throw new CairnError(
        'weights-unavailable',
        `${urlOf(reference, options.endpoint)} redirects without stating a digest.`,
      );
    }
    if (status === 404 && headers.get('x-error-code') === 'EntryNotFound') return undefined;
    throw refused(urlOf(reference, options.endpoint), status);
  }
  throw new CairnError('weights-unavailable', `${urlOf(reference, options.endpoint)} redirects too often.`);
}

function describe(reference: Required<HubReference>, headers: Headers, stated: string, endpoint: string): HubFile {
  const sha256 = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(stated)?.[1];
  const bytes = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? NaN);
  if (sha256 === undefined || !Number.isSafeInteger(bytes)) {
    throw new CairnError('weights-unavailable', `The hub states no SHA-256 and size of ${urlOf(reference, endpoint)}.`);
  }
  const commit = headers.get('x-repo-commit') ?? '';
  const revision = /^[0-9a-f]{40}$/.test(commit) ? commit : reference.revision;
  return { url: urlOf({ ...reference, revision }, endpoint), bytes, digest: `sha256:${sha256}` };
}

async function head(url: string, { token, signal, silenceMs = SILENCE_MS }: HubOptions): Promise<Response> {
  const headers = {
    'accept-encoding': 'identity',
    'user-agent': 'cairn',
    ...(token && { authorization: `Bearer ${token}` }),
  };
  const timeout = AbortSignal.timeout(silenceMs);
  const abort = signal ? AbortSignal.any([signal, timeout]) : timeout;
  try {
    return await fetch(url, { method: 'HEAD', redirect: 'manual', headers, signal: abort });
  } catch (cause) {
    if (signal?.aborted) throw new CairnError('cancelled', `The request for ${url} was cancelled.`, { cause });
    const { message, cause: inner } = cause as { message: string; cause?: { message?: string; code?: string } };
    const why = inner?.message || inner?.code || message;
    throw new CairnError('weights-unreachable', `${url} cannot be read: ${why}.`, { cause });
  }
}

function urlOf({ owner, name, revision, file }: Required<HubReference>, endpoint: string): string {
  const base = endpoint.replace(/\/+$/, '');
  return `${base}/${owner}/${name}/resolve/${encodeURIComponent(revision)}/${file}`;
}

function refused(url: string, status: number): CairnError {
  if (status === 401 || status === 403) {
    const message = `${url} answered with status ${status}: there is no such repository, or it needs a token in HF_TOKEN.`;
    return new CairnError('weights-unavailable', message);
  }
  const transient = status >= 500 || status === 408 || status === 429;
  return new CairnError(
    transient ? 'weights-unreachable' : 'weights-unavailable',
    `${url} answered with status ${status}.`,
  );
}
