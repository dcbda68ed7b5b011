import { afterEach, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ErrorFilter, type Failure } from '../../../../src/api/http/error-filter.js';
import { CairnError } from '../../../../src/errors.js';

let failures: Failure[] = [];
class Filter extends ErrorFilter {
  protected override write(failure: Failure): void {
    failures.push(failure);
  }
}

afterEach(() => {
  failures = [];
  Logger.overrideLogger(false);
});

function answer(error: unknown): string[] {
  const lines: string[] = [];
  const say = (message: unknown) => void lines.push(String(message));
  Logger.overrideLogger({ log: say, warn: say, error: say });
  const chain = () => reply;
  const reply = {
    request: { method: 'GET', url: '/v1/x?token=secret', id: '1', raw: { destroyed: false, complete: true } },
    raw: {},
    status: chain,
    header: chain,
    headers: chain,
    hasHeader: () => false,
    removeHeader: chain,
  };
  new Filter().answer(error, reply as unknown as FastifyReply);
  return lines;
}

test('the log has the causes of a failure, and no query', () => {
  const cause = new Error("EROFS: read-only file system, open '/srv/data/x'");
  const lines = answer(new CairnError('store-failed', 'The store failed: EROFS (open).', { cause }));
  expect(lines).toEqual([`GET /v1/x: The store failed: EROFS (open). (${cause.message})`]);
  expect(failures).toMatchObject([{ code: 'store-failed', detail: 'The store failed: EROFS (open).' }]);
});

test('the client sees nothing of an error that nobody foresaw', () => {
  expect(answer(new TypeError('x is undefined in /srv/cairn'))).toEqual(['GET /v1/x: x is undefined in /srv/cairn']);
  expect(failures).toMatchObject([{ code: 'internal', status: 500, detail: expect.not.stringContaining('/srv') }]);
});
