import { expect, test } from '@jest/globals';
import { CairnError, withCause } from '../../../../../src/errors.js';
import { s3Error } from '../../../../../src/features/store/s3/s3-errors.js';

const service = (httpStatusCode: number, name: string) =>
  Object.assign(new Error(`${name} at https://secret.example`), { name, $metadata: { httpStatusCode } });
const network = (code: string) => Object.assign(new Error(`connect ${code} 10.0.0.1:443`), { code });

test.each([
  [service(403, 'QuotaExceeded'), 'store-full'],
  [service(413, 'EntityTooLarge'), 'store-full'],
  [service(507, 'XMinioStorageFull'), 'store-full'],
  [service(404, 'NoSuchBucket'), 'store-unavailable'],
  [service(403, 'AccessDenied'), 'store-unavailable'],
  [service(403, 'InvalidAccessKeyId'), 'store-unavailable'],
  [service(403, 'Unknown'), 'store-unavailable'],
  [service(301, 'PermanentRedirect'), 'store-unavailable'],
  [service(503, 'SlowDown'), 'store-unavailable'],
  [service(500, 'InternalError'), 'store-unavailable'],
  [service(429, 'TooManyRequests'), 'store-unavailable'],
  [network('ECONNREFUSED'), 'store-unavailable'],
  [network('ENOTFOUND'), 'store-unavailable'],
  [Object.assign(new Error('socket hang up'), { name: 'TimeoutError' }), 'store-unavailable'],
  [Object.assign(new Error('none'), { name: 'CredentialsProviderError' }), 'store-unavailable'],
  [service(400, 'InvalidArgument'), 'store-failed'],
  [new TypeError('x is not a function'), 'store-failed'],
] as const)('%s is %s; its message names no server, its cause does', (thrown, code) => {
  const error = s3Error(thrown);
  expect(error).toMatchObject({ code, transient: true });
  if (!(thrown instanceof TypeError)) expect(error.message).not.toMatch(/secret|10\.0\.0/);
  expect(withCause(error)).toContain(thrown.message);
});

test('an error of Cairn stays what it is', () => {
  const error = new CairnError('upload-too-large', 'too large');
  expect(s3Error(error)).toBe(error);
});
