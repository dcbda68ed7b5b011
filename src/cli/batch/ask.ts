import { Readable } from 'node:stream';
import { z } from 'zod';
import { CairnError, ERRORS, type ErrorCode } from '../../errors.js';

const problemSchema = z.object({ code: z.string(), detail: z.string() });
/** More than any problem document needs; longer answers are not read further. */
const MAX_PROBLEM_BYTES = 1 << 16;

/** What a status alone says. */
const REFUSALS: Readonly<Record<number, ErrorCode>> = { 401: 'key-invalid', 403: 'scope-missing', 429: 'rate-limited' };

type Init = RequestInit & { readonly signal: AbortSignal };

/**
 * Sends a request.
 *
 * @returns a successful response.
 * @throws CairnError with the server's code; `server-failed` if that is missing or unknown, `server-unreachable` if
 *   there is no response, `cancelled` by the signal.
 */
export async function ask(url: string, init: Init): Promise<Response> {
  const response = await connect(url, init);
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Whether the resource exists, by HEAD; throws as `ask` does. */
export async function isThere(url: string, init: Init): Promise<boolean> {
  const response = await connect(url, { ...init, method: 'HEAD' });
  if (response.ok) return true;
  if (response.status === 404) return false;
  throw await problemOf(response);
}

async function connect(url: string, init: Init): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw connectionError(error, new URL(url).origin, init.signal);
  }
}

/** The body of a response; fails as `ask` does. */
export async function* bodyOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  try {
    yield* Readable.fromWeb(response.body);
  } catch (error) {
    throw connectionError(error, new URL(response.url).origin, signal);
  }
}

/** @throws CairnError `server-failed` where the value does not match the schema. */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new CairnError(
    'server-failed',
    `The server describes ${what} in an unknown form: ${path.join('.')}: ${message}.`,
  );
}

/** @throws CairnError `server-failed` where the text is not JSON. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CairnError('server-failed', `The server describes ${what} in another form than JSON.`, { cause });
  }
}

function connectionError(error: unknown, server: string, signal: AbortSignal): CairnError {
  if (error instanceof CairnError) return error;
  if (signal.aborted) return interrupted(error);
  return new CairnError('server-unreachable', `${server} does not answer (${reasonOf(error)}).`, { cause: error });
}

/** What a command that was stopped by its signal throws. */
export function interrupted(cause: unknown): CairnError {
  return new CairnError('cancelled', 'The command was interrupted.', { cause });
}

/** `fetch` says "fetch failed" and keeps the reason in the cause, which may hold one error per address. */
function reasonOf(error: unknown): string {
  const { code, message, errors } = rootCause(error) as { code?: unknown; message?: unknown; errors?: unknown[] };
  if (Array.isArray(errors) && errors.length > 0) return reasonOf(errors[0]);
  return String(typeof code === 'string' ? code : message);
}

/** The innermost cause of an error. */
export function rootCause(error: unknown): object {
  let inner = Object(error) as { cause?: unknown };
  while (typeof inner.cause === 'object' && inner.cause !== null) inner = inner.cause;
  return inner;
}

async function problemOf(response: Response): Promise<CairnError> {
  try {
    const { code, detail } = problemSchema.parse(JSON.parse(await readUpTo(response, MAX_PROBLEM_BYTES)));
    if (Object.hasOwn(ERRORS, code)) return new CairnError(code as ErrorCode, detail);
    return new CairnError('server-failed', `${detail} (${code})`);
  } catch {
    const { pathname, origin } = new URL(response.url);
    // Answers to HEAD have no body.
    const code = REFUSALS[response.status];
    if (code)
      return new CairnError(code, `${origin} refuses ${pathname} with status ${response.status} (CAIRN_API_KEY).`);
    return new CairnError('server-failed', `${origin} answers ${pathname} with status ${response.status}.`);
  }
}

async function readUpTo(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    if ((length += (chunk as Uint8Array).length) > limit) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
