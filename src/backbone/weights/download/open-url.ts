import { CairnError } from '../../../errors.js';
import type { Answer, Patience } from './source.js';
import { SilenceLimit } from './silence-limit.js';

/** Refusals that can pass by themselves, beside all of 5xx: request timeout, too many requests. */
const PASSING = [408, 429];

/**
 * Asks for `url` from `offset` on, following redirects. A server that ignores the range, or answers
 * with another one, is taken from its first byte.
 *
 * @throws CairnError `weights-unavailable` when the server refuses, `weights-unreachable` when it
 *   fails or is silent, `cancelled`.
 */
export async function openUrl(url: URL, offset: number, patience: Patience): Promise<Answer> {
  const { address, shown, headers } = request(url, offset);
  const limit = new SilenceLimit(patience);
  try {
    limit.start();
    const response = await fetch(address, { headers, signal: limit.signal });
    limit.pause();
    const { status, body } = response;
    const range = contentRange(response);
    const close = () => {
      limit.end();
      return Promise.resolve();
    };
    if (offset > 0 && status === 416 && range?.total === offset) {
      limit.end();
      return { start: offset, total: offset, chunks: nothing(), close };
    }
    if (offset > 0 && (status === 416 || (status === 206 && range?.start !== offset))) {
      limit.end();
      return await openUrl(url, 0, patience);
    }
    if (status !== 200 && !(offset > 0 && status === 206)) throw refused(shown, status);
    const chunks = body ? heard(body, limit, shown) : nothing();
    if (status === 206) return { start: offset, total: range?.total, chunks, close };
    return { start: 0, total: contentLength(response), chunks, close };
  } catch (error) {
    const failure = failed(error, shown, limit);
    limit.end();
    throw failure;
  }
}

function request(url: URL, offset: number) {
  const address = new URL(url);
  // fetch refuses URLs with a name and password, and neither belongs in a message.
  const { username, password } = address;
  address.username = address.password = '';
  const secret = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = {
    // Ranges and lengths count the bytes of the file, not those of a compressed form.
    'accept-encoding': 'identity',
    'user-agent': 'cairn',
    ...(username && { authorization: `Basic ${Buffer.from(secret).toString('base64')}` }),
    ...(offset > 0 && { range: `bytes=${offset}-` }),
  };
  return { address, shown: address.href, headers };
}

async function* heard(body: AsyncIterable<Uint8Array>, limit: SilenceLimit, shown: string): AsyncGenerator<Uint8Array> {
  try {
    limit.start();
    for await (const chunk of body) {
      // Only the network is timed, not a slow disk.
      limit.pause();
      yield chunk;
      limit.start();
    }
  } catch (error) {
    throw failed(error, shown, limit);
  } finally {
    limit.pause();
  }
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
  const passing = status >= 500 || PASSING.includes(status);
  const code = passing ? 'weights-unreachable' : 'weights-unavailable';
  return new CairnError(code, `${shown} answered with status ${status}.`);
}

function failed(error: unknown, shown: string, limit: SilenceLimit): CairnError {
  if (error instanceof CairnError) return error;
  if (limit.cancelled) return new CairnError('cancelled', `The download of ${shown} was cancelled.`, { cause: error });
  const { message, cause } = error as { message: string; cause?: { message?: string; code?: string } };
  // fetch says "fetch failed" and keeps the reason in its cause, which has no message after several addresses failed.
  const why = cause?.message || cause?.code || message;
  return new CairnError('weights-unreachable', `${shown} cannot be read: ${why}.`, { cause: error });
}
