import { afterEach, expect, jest, test } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { Audit } from '../../../../src/api/auth/audit.js';

afterEach(() => {
  jest.useRealTimers();
});

const request = {
  method: 'DELETE',
  url: '/v1/jobs/1?key=secret',
  routeOptions: { url: '/v1/jobs/:id' },
  caller: { name: 'alice' },
  ip: '192.0.2.7',
  id: 'r1',
} as unknown as FastifyRequest;

function makeAudit(perSecond: number) {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  return { audit: new Audit({ log: say, warn: say }, perSecond), lines };
}

test('a line says who, what, from where, and has no secret', () => {
  const { audit, lines } = makeAudit(5);
  audit.refused(request, 403, 'scope-missing');
  audit.changed(request, 'job 1 cancelled');
  audit.refused({ ...request, caller: undefined, routeOptions: {} } as FastifyRequest, 401, 'key-missing');
  const where = 'from 192.0.2.7, request r1';
  expect(lines).toEqual([
    `refused with 403 scope-missing: DELETE /v1/jobs/:id by key alice ${where}`,
    `job 1 cancelled: DELETE /v1/jobs/:id by key alice ${where}`,
    `refused with 401 key-missing: DELETE (no route) by no key ${where}`,
  ]);
});

test('a flood of refusals is a few lines a second, and the count of the others', () => {
  jest.useFakeTimers();
  const { audit, lines } = makeAudit(3);
  for (let i = 0; i < 1000; i++) audit.refused(request, 429, 'rate-limited');
  expect(lines).toHaveLength(3);
  jest.advanceTimersByTime(1000);
  expect(lines.slice(3)).toEqual(['997 more refusals within a second']);
  audit.refused(request, 429, 'rate-limited');
  jest.advanceTimersByTime(5000);
  expect(lines).toHaveLength(5);
});
