import { request, type IncomingHttpHeaders } from 'node:http';

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** The whole of it, answer included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of the problem, where it is one. */
  readonly code: string | undefined;
}

const TIMEOUT_MS = 60_000;

/**
 * One request with its whole answer. Undefined where there is none, or less than the whole: the server is down, or was
 * killed meanwhile.
 */
export function ask(origin: string, path: string, question: Question = {}): Promise<Answer | undefined> {
  const { method = 'GET', body, timeoutMs = TIMEOUT_MS, signal: given } = question;
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = given ? AbortSignal.any([given, deadline]) : deadline;
  const headers = { ...question.headers, ...(body && { 'content-length': String(body.length) }) };
  return new Promise((resolve) => {
    const lost = () => resolve(undefined);
    const asked = request(origin + path, { method, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', lost).once('close', lost);
      response.once('end', () => {
        if (!response.complete) {
          lost();
          return;
        }
        const whole = Buffer.concat(chunks);
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, body: whole, code: status >= 400 ? codeOf(whole) : undefined });
      });
    });
    asked.once('error', lost).end(body);
  });
}

/** The body as JSON, of the form that the caller knows it to have. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a cast by another name
export function parse<T>(answer: Answer): T {
  return JSON.parse(answer.body.toString()) as T;
}

function codeOf(body: Buffer): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { code?: string }).code;
  } catch {
    return undefined;
  }
}
