import { CairnError } from '../../../errors.js';

/** A file that is open for reading from some offset. */
export interface OpenSource {
  /** Offset of the first byte of `chunks`: the requested one, or 0 where the source starts over. */
  readonly start: number;
  /** Length of the whole file in bytes, where it is known. */
  readonly total: number | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Must be called, whether or not `chunks` were read. */
  readonly close: () => Promise<void>;
}

export interface SourceOptions {
  /** Idle timeout: the longest wait for the next byte of the network, in milliseconds. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sent to the host of the URL, not to those that it redirects to. */
  readonly token?: string | undefined;
}

/** Transient refusals besides 5xx: request timeout, too many requests. */
const TRANSIENT = [408, 429];

/**
 * Requests `url` from `offset` on, following redirects. The file starts over where the server ignores the
 * range or answers with another one.
 *
 * @throws CairnError `weights-unavailable` when the server refuses, `weights-unreachable` when it
 *   fails or is silent, `cancelled`.
 */
export async function openUrl(url: URL, offset: number, options: SourceOptions): Promise<OpenSource> {
  const { address, shown, headers } = request(url, offset, options.token);
  const { silenceMs, signal } = options;
  const ended = new AbortController();
  /** What comes of the network, or a failure; the idle timeout is for the network, not for a slow disk. */
  const receive = async <T>(work: () => Promise<T>): Promise<T> => {
    const silent = () => ended.abort(new Error(`nothing came for ${silenceMs / 1000} s`));
    const timer = setTimeout(silent, silenceMs);
    try {
      return await work();
    } catch (error) {
      throw failure(error, shown, options);
    } finally {
      clearTimeout(timer);
    }
  };
  const close = () => {
    ended.abort();
    return Promise.resolve();
  };
  try {
    const abort = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    const response = await receive(() => fetch(address, { headers, signal: abort }));
    const { status, body } = response;
    const range = contentRange(response);
    if (offset > 0 && status === 416 && range?.total === offset) {
      return { start: offset, total: offset, chunks: nothing(), close };
    }
    if (offset > 0 && (status === 416 || (status === 206 && range?.start !== offset))) {
      await close();
      return await openUrl(url, 0, options);
    }
    const partial = offset > 0 && status === 206;
    if (status !== 200 && !partial) throw refused(shown, status);
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      const reader = body?.getReader();
      for (;;) {
        const next = await receive(async () => reader?.read());
        if (!next?.value) return;
        yield next.value;
      }
    };
    if (partial) return { start: offset, total: range?.total, chunks: chunks(), close };
    return { start: 0, total: contentLength(response), chunks: chunks(), close };
  } catch (error) {
    ended.abort();
    throw error;
  }
}

function request(url: URL, offset: number, token?: string) {
  const address = new URL(url);
  // fetch refuses URLs with a name and password, and neither belongs in a message.
  const { username, password } = address;
  address.username = address.password = '';
  const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = {
    // Ranges and lengths count the bytes of the file, not those of a compressed form.
    'accept-encoding': 'identity',
    'user-agent': 'cairn',
    ...(token && { authorization: `Bearer ${token}` }),
    ...(username && { authorization: `Basic ${Buffer.from(secret).toString('base64')}` }),
    ...(offset > 0 && { range: `bytes=${offset}-` }),
  };
  return { address, shown: address.href, headers };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function contentRange({ headers }: Response): { start?: number; total?: number } | undefined {
  if (headers.get('content-encoding')) return undefined;
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (!match) return undefined;
  const [, start, total] = match;
  return { ...(start && { start: Number(start) }), ...(total !== '*' && { total: Number(total) }) };
}

function contentLength({ headers }: Response): number | undefined {
  const length = headers.get('content-length');
  return length === null || headers.get('content-encoding') ? undefined : Number(length);
}

function refused(shown: string, status: number): CairnError {
  const transient = status >= 500 || TRANSIENT.includes(status);
  const code = transient ? 'weights-unreachable' : 'weights-unavailable';
  return new CairnError(code, `${shown} answered with status ${status}.`);
}

function failure(error: unknown, shown: string, { signal }: SourceOptions): CairnError {
  if (signal?.aborted) return new CairnError('cancelled', `The download of ${shown} was cancelled.`, { cause: error });
  const { message, cause } = error as { message: string; cause?: { message?: string; code?: string } };
  // fetch reports "fetch failed" and keeps the reason in its cause, whose message is empty after several addresses.
  const why = cause?.message || cause?.code || message;
  return new CairnError('weights-unreachable', `${shown} cannot be read: ${why}.`, { cause: error });
}
