import { expect, test } from '@jest/globals';
import fastify from 'fastify';
import { demandScopes, scopeOf } from '../../../../src/api/auth/scope.js';

test('a route of the API that says nothing about keys cannot be added', () => {
  const server = fastify();
  demandScopes(server, (url) => url.startsWith('/docs'));
  server.get('/docs', () => 'page');
  server.get('/v1/models', { config: { scope: 'read' } as object }, () => 'models');
  expect(() => server.get('/v1/new', () => 'new')).toThrow(/GET \/v1\/new has neither @Scope nor @WithoutKey/);
});

test('what has no scope needs a key', () => {
  expect([scopeOf(undefined), scopeOf({}), scopeOf({ scope: 'admin' })]).toEqual(['any', 'any', 'admin']);
});
