import type { ErrorCode } from '../../errors.js';

/** How the Open Inference Protocol answers errors: a message under `error`; `code` is ours, and stable. */
export interface ProtocolError {
  readonly error: string;
  readonly code: ErrorCode;
}

/** Whether a request speaks the Open Inference Protocol. */
export function speaksProtocol(url: string): boolean {
  return /^\/v2(?![^/?])/.test(url);
}
