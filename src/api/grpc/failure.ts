import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { asCairnError, publicError } from '../../errors.js';
import { HTTP_STATUS, isServerCode } from '../http/status.js';

/** Where clients find the stable code of an error. */
export const CODE_KEY = 'cairn-code';

/** Of each HTTP status that an error may have, the status of gRPC. */
const GRPC_STATUS: Readonly<Record<number, status>> = {
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  408: status.DEADLINE_EXCEEDED,
  409: status.ABORTED,
  410: status.DATA_LOSS,
  429: status.RESOURCE_EXHAUSTED,
  500: status.INTERNAL,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
  507: status.UNAVAILABLE,
};

/** An error as gRPC carries it: its code is in the trailers (`cairn-code`). */
export function failureOf(thrown: unknown): Pick<ServiceError, 'code' | 'details' | 'metadata'> {
  const { code, message } = publicError(asCairnError(thrown));
  const metadata = new Metadata();
  const known = isServerCode(code) ? code : 'internal';
  metadata.set(CODE_KEY, known);
  if (code === 'cancelled') return { code: status.CANCELLED, details: message, metadata };
  return { code: GRPC_STATUS[HTTP_STATUS[known]] ?? status.INVALID_ARGUMENT, details: message, metadata };
}
