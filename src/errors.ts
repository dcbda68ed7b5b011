/**
 * Every failure that Cairn can explain, with a stable `code` that clients may branch on.
 *
 * `transient` says whether the same request may succeed later: the job queue retries transient
 * failures with backoff, and fails the job at once for the others.
 */
export const ERRORS = {
  'archive-corrupt': { transient: false },
  'batch-empty': { transient: false },
  'batch-finished': { transient: false },
  'batch-invalid': { transient: false },
  'batch-not-found': { transient: false },
  'batch-too-large': { transient: false },
  busy: { transient: true },
  'calibration-changed': { transient: false },
  'calibration-incomplete': { transient: false },
  'calibration-invalid': { transient: false },
  'calibration-mismatch': { transient: false },
  'calibration-missing': { transient: false },
  cancelled: { transient: false },
  'device-unavailable': { transient: false },
  'dtype-unknown': { transient: false },
  'engine-failed': { transient: true },
  'engine-hung': { transient: false },
  'engine-restarted': { transient: true },
  'engine-unavailable': { transient: false },
  'features-corrupt': { transient: false },
  'features-not-finite': { transient: false },
  'features-not-found': { transient: false },
  'group-conflict': { transient: false },
  'group-not-found': { transient: false },
  'host-forbidden': { transient: false },
  'image-corrupt': { transient: false },
  'image-decode-crash': { transient: false },
  'image-decode-limit': { transient: false },
  'image-empty': { transient: false },
  'image-missing': { transient: false },
  'image-too-large': { transient: false },
  'image-unsupported': { transient: false },
  'idempotency-conflict': { transient: false },
  internal: { transient: true },
  'job-finished': { transient: false },
  'job-killed-worker': { transient: false },
  'job-not-found': { transient: false },
  'job-timeout': { transient: false },
  'json-too-large': { transient: false },
  'key-invalid': { transient: false },
  'key-missing': { transient: false },
  'level-absent': { transient: false },
  'level-unknown': { transient: false },
  'levels-unsuitable': { transient: false },
  'method-not-allowed': { transient: false },
  'model-not-found': { transient: false },
  'model-unknown': { transient: false },
  'option-invalid': { transient: false },
  'option-unknown': { transient: false },
  'origin-forbidden': { transient: false },
  'output-conflict': { transient: false },
  'queue-full': { transient: true },
  'queue-unavailable': { transient: true },
  'quota-exceeded': { transient: true },
  'range-not-satisfiable': { transient: false },
  'rate-limited': { transient: true },
  'regions-too-large': { transient: false },
  'request-malformed': { transient: false },
  'request-timeout': { transient: true },
  'route-not-found': { transient: false },
  'scope-missing': { transient: false },
  'server-failed': { transient: true },
  'server-unreachable': { transient: true },
  'spec-too-large': { transient: false },
  'store-failed': { transient: true },
  'store-full': { transient: true },
  'store-unavailable': { transient: true },
  'upload-corrupt': { transient: false },
  'upload-too-large': { transient: false },
  'url-forbidden': { transient: false },
  'url-rejected': { transient: false },
  'url-too-long': { transient: false },
  'url-unreachable': { transient: true },
  'version-mismatch': { transient: false },
  'weights-changed': { transient: false },
  'weights-checksum': { transient: false },
  'weights-conflict': { transient: false },
  'weights-missing': { transient: false },
  'weights-not-finite': { transient: false },
  'weights-shape': { transient: false },
  'weights-unavailable': { transient: false },
  'weights-unknown': { transient: false },
  'weights-unreachable': { transient: true },
  'weights-unreadable': { transient: false },
  'weights-unsafe-pickle': { transient: false },
} as const satisfies Record<string, { transient: boolean }>;

/** A code that stays the same over all versions. */
export type ErrorCode = keyof typeof ERRORS;

/** An error that a caller can act on: `code` is stable, `message` is a sentence for people. */
export class CairnError extends Error {
  override readonly name = 'CairnError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** Whether the same request may succeed later. */
  get transient(): boolean {
    return ERRORS[this.code].transient;
  }
}

/** Any thrown value as a `CairnError`; an unexpected error gets the code `fallback`. */
export function asCairnError(error: unknown, fallback: ErrorCode = 'internal'): CairnError {
  if (error instanceof CairnError) return error;
  if (isErrorLike(error)) return new CairnError(error.code, error.message, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new CairnError(fallback, message, { cause: error });
}

/** Errors lose their class in `postMessage`, but keep their code. */
function isErrorLike(error: unknown): error is { code: ErrorCode; message: string } {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) && typeof message === 'string';
}

/** A message for a log: with those of the causes, which clients do not see. */
export function withCause(error: Error): string {
  let text = error.message;
  for (let inner = error.cause; isError(inner); inner = inner.cause) {
    if (!text.includes(inner.message)) text += ` (${inner.message})`;
  }
  return text;
}

/** Also for errors of another realm, such as those of Node's own modules in some test runners. */
function isError(value: unknown): value is Error {
  return typeof (value as Error | undefined)?.message === 'string';
}

/** The error as clients may see it: what was not foreseen may quote anything, so that only the log has it. */
export function publicError(error: CairnError): CairnError {
  if (error.code !== 'internal') return error;
  return new CairnError('internal', 'An unforeseen error; the log has the details.', { cause: error });
}

/** The error without the path of `folder`, which clients need not know: files are named below it. */
export function withoutFolder(error: unknown, folder: string): unknown {
  if (!(error instanceof CairnError)) return error;
  const message = error.message.replaceAll(folder, '');
  return message === error.message ? error : new CairnError(error.code, message, { cause: error });
}
