import { CairnError, ERRORS, type ErrorCode } from '../errors.js';

/** More than any problem document needs; longer answers are not read further. */
const MAX_PROBLEM_BYTES = 1 << 16;
const UNAVAILABLE = new Set([408, 429, 502, 503, 504, 507]);

/** What a status alone says: answers to HEAD have no body. */
const REFUSALS: Readonly<Record<number, ErrorCode>> = { 401: 'key-invalid', 403: 'scope-missing', 429: 'rate-limited' };

/** What is known of a response that was refused. */
export interface ResponseFacts {
  /** HTTP status; absent where there was no response. */
  readonly status?: number;
  /** The code as the server sent it, which may be newer than this client. */
  readonly serverCode?: string;
  /** How long the server asks clients to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Whether the same request may succeed later. By default, what the code says. */
  readonly transient?: boolean;
}

/**
 * A request that failed. `code` is one of the stable codes of docs/http.md; `server-unreachable` where there is no response,
 * `server-failed` where the response has no code that this client knows: `serverCode` then has the one that was sent.
 */
export class RequestError extends CairnError {
  /** HTTP status; undefined where there was no response, and for the failure of a job. */
  readonly status: number | undefined;
  /** The code as the server sent it. */
  readonly serverCode: string;
  /** How long the server asks clients to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  private readonly passes: boolean;

  constructor(code: ErrorCode, message: string, facts: ResponseFacts = {}, options?: { cause?: unknown }) {
    super(code, message, options);
    this.status = facts.status;
    this.serverCode = facts.serverCode ?? code;
    this.retryAfterMs = facts.retryAfterMs;
    this.passes = facts.transient ?? ERRORS[code].transient;
  }

  /** Whether the same request may succeed later. */
  override get transient(): boolean {
    return this.passes;
  }
}

/** An error by the code and message that a server gives for it. */
export function errorOf(code: string, message: string, facts: ResponseFacts = {}): RequestError {
  if (Object.hasOwn(ERRORS, code)) return new RequestError(code as ErrorCode, message, facts);
  const { status } = facts;
  const transient = status !== undefined && isUnavailable(status);
  return new RequestError('server-failed', `${message} (${code})`, { transient, serverCode: code, ...facts });
}

/** The error of a response whose status is no success; reads its body, up to a limit. */
export async function problemOf(response: Response): Promise<RequestError> {
  const { status, url } = response;
  const retryAfterMs = waitOf(response.headers.get('retry-after'));
  const facts = { status, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  try {
    const { code, detail } = JSON.parse(await readUpTo(response, MAX_PROBLEM_BYTES)) as Record<string, unknown>;
    if (typeof code === 'string' && typeof detail === 'string') return errorOf(code, detail, facts);
  } catch {
    // Not a problem document, as of a proxy.
  }
  const { pathname, origin } = new URL(url);
  const refusal = REFUSALS[status];
  if (refusal) return new RequestError(refusal, `${origin} refuses ${pathname} with status ${status}.`, facts);
  const message = `${origin} answers ${pathname} with status ${status}.`;
  return new RequestError('server-failed', message, { transient: isUnavailable(status), ...facts });
}

/** Whatever prevented a response, or broke one off. */
export function connectionError(error: unknown, url: string): CairnError {
  if (error instanceof CairnError) return error;
  const message = `${new URL(url).origin} does not answer (${reasonOf(error)}).`;
  return new RequestError('server-unreachable', message, {}, { cause: error });
}

/** The innermost cause of an error. */
export function rootCause(error: unknown): object {
  let inner = Object(error) as { cause?: unknown };
  while (typeof inner.cause === 'object' && inner.cause !== null) inner = inner.cause;
  return inner;
}

/** Proxies answer for a server that is away; 500 may be a defect, which repeating does not mend. */
function isUnavailable(status: number): boolean {
  return UNAVAILABLE.has(status);
}

/** `Retry-After` in milliseconds: seconds, or a date. */
export function waitOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** `fetch` says "fetch failed" and keeps the reason in the cause, which may hold one error per address. */
function reasonOf(error: unknown): string {
  const { code, message, errors } = rootCause(error) as { code?: unknown; message?: unknown; errors?: unknown[] };
  if (Array.isArray(errors) && errors.length > 0) return reasonOf(errors[0]);
  return String(typeof code === 'string' ? code : message);
}

async function readUpTo(response: Response, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) return text + decoder.decode();
    text += decoder.decode(next.value as Uint8Array, { stream: true });
    if ((length += (next.value as Uint8Array).length) > limit) {
      await reader?.cancel();
      return text;
    }
  }
}
