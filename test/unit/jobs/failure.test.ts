import { describe, expect, test } from '@jest/globals';
import { CairnError, ERRORS, type ErrorCode } from '../../../src/errors.js';
import { fromFailedReason, toFailedReason } from '../../../src/jobs/payload.js';

describe('a failed reason', () => {
  test.each(Object.keys(ERRORS) as ErrorCode[])('brings %s back', (code) => {
    const message = 'It failed: see line 3.\nAnd: the next line.';
    expect(fromFailedReason(toFailedReason(new CairnError(code, message)))).toEqual({ code, message });
  });

  test('keeps an empty message', () => {
    expect(fromFailedReason(toFailedReason(new CairnError('cancelled', '')))).toEqual({
      code: 'cancelled',
      message: '',
    });
  });

  test.each([
    'job stalled more than allowable limit',
    'no-such-code: but it looks like one',
    'toString: is no code either',
    'Missing lock for job 1. moveToFinished',
    '',
  ])('that the queue wrote itself is internal, in its own words: "%s"', (reason) => {
    expect(fromFailedReason(reason)).toEqual({ code: 'internal', message: reason });
  });
});
