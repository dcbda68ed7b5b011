import { asCairnError, CairnError } from '../../../errors.js';
import { storeUnavailable } from '../store-errors.js';

/** What is read of an error of the SDK, or of Node's network. */
interface Thrown {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Codes of several servers for a quota that is used up, or a disk without space. Parts are small: none is too large by itself. */
const FULL = new Set([
  'EntityTooLarge',
  'InsufficientStorage',
  'QuotaExceeded',
  'ServiceQuotaExceeded',
  'XMinioAdminBucketQuotaExceeded',
  'XMinioStorageFull',
]);
const FULL_STATUS = [413, 507];

/** What keeps the whole store from being used, in words. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  AccessDenied: 'permission is denied (AccessDenied)',
  AllAccessDisabled: 'permission is denied (AllAccessDisabled)',
  AuthorizationHeaderMalformed: 'its region is another one (AuthorizationHeaderMalformed)',
  CredentialsProviderError: 'there are no credentials for it',
  ExpiredToken: 'its credentials have expired (ExpiredToken)',
  Forbidden: 'permission is denied',
  InvalidAccessKeyId: 'its credentials are refused (InvalidAccessKeyId)',
  InvalidToken: 'its credentials are refused (InvalidToken)',
  NoSuchBucket: 'its bucket is missing',
  PermanentRedirect: 'its region is another one (PermanentRedirect)',
  RequestTimeTooSkewed: 'the clocks of this machine and of its server differ (RequestTimeTooSkewed)',
  SignatureDoesNotMatch: 'its credentials are refused (SignatureDoesNotMatch)',
};
const FORBIDDEN = 403;
const TOO_MANY = 429;

/**
 * An error of S3 as a failure of the store, after all retries: `store-full` by a quota, `store-unavailable` where the server
 * cannot be reached, fails or refuses the credentials, else `store-failed`. Messages name neither server nor bucket.
 */
export function s3Error(error: unknown): CairnError {
  if (error instanceof CairnError) return error;
  const { name = '', code, $metadata } = error as Thrown;
  const status = $metadata?.httpStatusCode;
  if (FULL.has(name) || FULL_STATUS.includes(status ?? 0)) {
    return new CairnError('store-full', `The store has no space left (${name}).`, { cause: error });
  }
  const reason = UNAVAILABLE[name];
  if (reason !== undefined) return storeUnavailable(reason, error);
  if (status === FORBIDDEN) return storeUnavailable('permission is denied', error);
  if (status === undefined) {
    // The SDK marks what it has sent and got no answer to.
    const ofTheNetwork = $metadata !== undefined || typeof code === 'string' || name === 'TimeoutError';
    if (ofTheNetwork) return storeUnavailable(`its server cannot be reached (${code ?? name})`, error);
    return asCairnError(error, 'store-failed');
  }
  if (status >= 500 || status === TOO_MANY) {
    return storeUnavailable(`its server fails or is overloaded (${status} ${name})`, error);
  }
  return new CairnError('store-failed', `The store failed: ${status} ${name}.`, { cause: error });
}

/** Whether there is no such object, or upload. */
export function isMissing(error: unknown): boolean {
  const { name = '' } = error as Thrown;
  return statusOf(error) === 404 && name !== 'NoSuchBucket';
}

/** The condition of a request did not hold: another object is there. */
export function isRefusedByCondition(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** Another request changes the same object at this moment. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** The server does not know what it was asked for. */
export function isNotImplemented(error: unknown): boolean {
  return statusOf(error) === 501 || (error as Thrown).name === 'NotImplemented';
}

function statusOf(error: unknown): number | undefined {
  return (error as Thrown).$metadata?.httpStatusCode;
}
