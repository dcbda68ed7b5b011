import { CairnError, ERRORS, type ErrorCode } from '../errors.js';

/** A failed job keeps one string: the code and the sentence, `code: message`. */
export function toFailedReason({ code, message }: CairnError): string {
  return `${code}: ${message}`;
}

/** The error in a job's failed reason; what the queue itself wrote there (a job that stalled too often) is `internal`. */
export function fromFailedReason(reason: string): { code: ErrorCode; message: string } {
  const [, code, message] = /^([a-z0-9-]+): ([^]*)$/.exec(reason) ?? [];
  return code && Object.hasOwn(ERRORS, code)
    ? { code: code as ErrorCode, message: message! }
    : { code: 'internal', message: reason };
}
