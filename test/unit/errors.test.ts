import { describe, expect, test } from '@jest/globals';
import {
  asCairnError,
  CairnError,
  ERRORS,
  publicError,
  withCause,
  withoutFolder,
  type ErrorCode,
} from '../../src/errors.js';

describe('CairnError', () => {
  test('carries code, message and cause', () => {
    const cause = new Error('disk');
    const error = new CairnError('store-failed', 'The store is full.', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'CairnError', code: 'store-failed', message: 'The store is full.', cause });
  });

  test('what may pass by itself is transient; what the request is to blame for is not', () => {
    const transient = Object.keys(ERRORS).filter((code) => new CairnError(code as ErrorCode, '').transient);
    expect(transient.toSorted()).toEqual([
      'busy',
      'engine-failed',
      'engine-restarted',
      'internal',
      'queue-full',
      'queue-unavailable',
      'quota-exceeded',
      'rate-limited',
      'request-timeout',
      'server-failed',
      'server-unreachable',
      'store-failed',
      'store-full',
      'store-unavailable',
      'url-unreachable',
      'weights-unreachable',
    ]);
  });

  test('codes are lower case with dashes, so that they fit into URLs and failed reasons', () => {
    for (const code of Object.keys(ERRORS)) expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });
});

describe('asCairnError', () => {
  test('leaves a CairnError as it is, whatever the fallback', () => {
    const error = new CairnError('image-empty', 'no bytes');
    expect(asCairnError(error, 'store-failed')).toBe(error);
  });

  test('gives an error that crossed a thread its class back', () => {
    const crossed = structuredClone({ code: 'weights-missing', message: 'no conv1/kernel' });
    const error = asCairnError(crossed);
    expect(error).toBeInstanceOf(CairnError);
    expect(error).toMatchObject({ code: 'weights-missing', message: 'no conv1/kernel', cause: crossed });
  });

  test.each([
    ['an error of the system', Object.assign(new Error('no space left'), { code: 'ENOSPC' }), 'no space left'],
    ['any other error', new TypeError('x is not a function'), 'x is not a function'],
    ['a code that is a method of objects', { code: 'toString', message: 'm' }, '[object Object]'],
    ['a code without a message', { code: 'image-empty' }, '[object Object]'],
    ['a string', 'broken', 'broken'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
  ])('%s becomes the fallback, with the message kept', (_, thrown, message) => {
    expect(asCairnError(thrown, 'store-failed')).toMatchObject({ code: 'store-failed', message, cause: thrown });
    expect(asCairnError(thrown).code).toBe('internal');
  });
});

test('a log has the messages of all causes, each once', () => {
  const disk = new Error('ENOSPC: no space left on device, write');
  const store = new CairnError('store-failed', 'The store failed: ENOSPC (write).', { cause: disk });
  const job = new Error(`store-failed: ${store.message}`, { cause: store });
  expect(withCause(job)).toBe(`store-failed: ${store.message} (${disk.message})`);
  expect(withCause(new Error('alone'))).toBe('alone');
});

test('clients see what was foreseen, and no more', () => {
  const cause = new Error("Cannot read '/srv/x'");
  const seen = publicError(asCairnError(cause));
  expect([seen.code, seen.message]).toEqual(['internal', 'An unforeseen error; the log has the details.']);
  expect(withCause(seen)).toContain('/srv/x');
  const foreseen = new CairnError('image-corrupt', 'Broken.');
  expect(publicError(foreseen)).toBe(foreseen);
});

test('a folder is left out of a message', () => {
  const error = new CairnError('weights-unreadable', '/srv/weights/a.h5 is no file; /srv/weights/b.h5 is');
  const seen = withoutFolder(error, '/srv/weights/');
  expect(seen).toMatchObject({ code: 'weights-unreadable', message: 'a.h5 is no file; b.h5 is', cause: error });
  expect(withoutFolder(error, '/srv/other/')).toBe(error);
});
