import { afterEach, expect, test } from '@jest/globals';
import { startPrivateRedis, type PrivateRedis, type PrivateRedisOptions } from '../../../scripts/redis.mjs';
import { RedisConnections } from '../../../src/redis/connections.js';
import { warnOfLosses } from '../../../src/redis/durability.js';
import { until } from '../../integration/support/service.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
let server: PrivateRedis;
let connections: RedisConnections | undefined;
afterEach(async () => {
  connections?.close();
  await server.stop();
});

/** What is logged about a Redis by the time that a user has had an answer to the same question. */
async function linesAbout(options: PrivateRedisOptions, user = ''): Promise<string[]> {
  server = await startPrivateRedis(options);
  const admin = new RedisConnections(server.url);
  await admin.patient().acl('SETUSER', 'tenant', 'on', '>secret', '~*', '&*', '+@all', '-config');
  admin.close();
  const lines: string[] = [];
  const log = { log: () => undefined, warn: (line: string) => lines.push(line) };
  connections = new RedisConnections(server.url.replace('//', `//${user}`), log);
  const redis = connections.failFast();
  warnOfLosses(redis, log);
  await until(() => redis.status === 'ready');
  await redis.config('GET', 'appendonly').catch(() => undefined);
  await redis.ping();
  return lines;
}

test('a private Redis that keeps its data syncs before it replies, and nothing is logged', async () => {
  expect(await linesAbout({ dataDir: await tempDir() })).toEqual([]);
  const asked = await connections!.patient().config('GET', 'appendfsync');
  expect(asked).toEqual(['appendfsync', 'always']);
});

test.each([
  ['appendfsync everysec', { settings: { appendfsync: 'everysec' } }, 'last second'],
  ['appendonly no', { appendonly: false }, 'when it restarts'],
])('what %s costs is logged once', async (setting, options, cost) => {
  const lines = await linesAbout({ dataDir: await tempDir(), ...options });
  expect(lines).toEqual([expect.stringContaining(setting)]);
  expect(lines[0]).toContain(cost);
});

test('nothing is logged about a Redis that hides its configuration', async () => {
  expect(await linesAbout({}, 'tenant:secret@')).toEqual([]);
});
