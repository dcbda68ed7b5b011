import type { ErrorCode } from '../../errors.js';
import type { SessionRequest } from './engine.js';

/** What the session thread needs to make a session by itself; weights are named, never sent. */
export interface CompileRequest extends SessionRequest {
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
}

export interface CompiledReply {
  readonly engine: string;
  readonly device: string;
  readonly weights: { readonly source: string; readonly digest: string };
  readonly calibrationDigest?: string | undefined;
}

export type SessionCall = { readonly id: number; readonly session: number } & (
  | { readonly type: 'compile'; readonly options: CompileRequest }
  | { readonly type: 'run'; readonly images: Uint8Array<ArrayBuffer>; readonly batch: number }
  | { readonly type: 'dispose' }
);

/** Neither is answered: by `close` the thread ends after what it is doing, by `leave` at once, unless it hangs. */
export type Request = SessionCall | { readonly type: 'close' } | { readonly type: 'leave' };

export type Reply = { readonly id: number } & (
  | { readonly value: unknown; readonly error?: undefined }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } }
);
