import type { ErrorCode } from '../../errors.js';

/** The codes that a server answers with, each with its HTTP status. The others belong to the command line. */
export const HTTP_STATUS = {
  'archive-corrupt': 500,
  'batch-empty': 400,
  'batch-finished': 409,
  'batch-not-found': 404,
  'batch-too-large': 413,
  busy: 503,
  'calibration-changed': 409,
  'calibration-incomplete': 400,
  'calibration-invalid': 400,
  'calibration-mismatch': 400,
  'calibration-missing': 400,
  cancelled: 409,
  'device-unavailable': 503,
  'dtype-unknown': 400,
  'engine-failed': 500,
  'engine-unavailable': 503,
  'features-not-finite': 422,
  'features-not-found': 404,
  'group-conflict': 409,
  'group-not-found': 404,
  'image-corrupt': 422,
  'image-empty': 400,
  'image-missing': 400,
  'image-too-large': 413,
  'image-unsupported': 415,
  internal: 500,
  'job-finished': 409,
  'job-not-found': 404,
  'level-absent': 400,
  'level-unknown': 400,
  'levels-unsuitable': 400,
  'method-not-allowed': 405,
  'model-not-found': 404,
  'model-unknown': 400,
  'option-invalid': 400,
  'option-unknown': 400,
  'queue-full': 429,
  'queue-unavailable': 503,
  'range-not-satisfiable': 416,
  'request-malformed': 400,
  'route-not-found': 404,
  'store-failed': 500,
  'upload-too-large': 413,
  'url-forbidden': 400,
  'url-rejected': 422,
  'url-unreachable': 502,
  'weights-changed': 409,
  'weights-missing': 500,
  'weights-not-finite': 500,
  'weights-shape': 500,
  'weights-unavailable': 500,
  'weights-unreadable': 500,
} as const satisfies Partial<Record<ErrorCode, number>>;

export type ServerCode = keyof typeof HTTP_STATUS;
export const SERVER_CODES = Object.keys(HTTP_STATUS) as [ServerCode, ...ServerCode[]];

export function isServerCode(code: ErrorCode): code is ServerCode {
  return Object.hasOwn(HTTP_STATUS, code);
}
