import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startPrivateRedis, type PrivateRedis } from '../../../scripts/redis.mjs';
import { extractQueue } from '../../../src/jobs/extract-queue.js';
import { JobQueue } from '../../../src/jobs/queue.js';
import { RedisConnections } from '../../../src/redis/connections.js';
import { redisKeys } from '../../../src/redis/keys.js';
import { until } from '../../integration/support/service.js';

const keys = redisKeys('{test}');
let server: PrivateRedis;
let lines: string[];
let open: { connections: RedisConnections; close: () => Promise<void> }[];

beforeEach(async () => {
  server = await startPrivateRedis();
  [lines, open] = [[], []];
});
afterEach(async () => {
  for (const { connections, close } of open) {
    await close();
    connections.close();
  }
  await server.stop();
});

function queueAt(url: string): JobQueue {
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  const connections = new RedisConnections(url, log);
  const redis = connections.failFast();
  const queue = extractQueue(redis, keys.prefix);
  open.push({ connections, close: () => queue.close().catch(() => undefined) });
  return new JobQueue({ redis, queue, keys, limit: 10 });
}

async function configure(...args: [string, string][]): Promise<void> {
  const admin = new RedisConnections(server.url).patient();
  for (const [name, value] of args) await admin.config('SET', name, value);
  admin.disconnect();
}

test.each([
  ['maxmemory', '1', 'is out of memory'],
  ['min-replicas-to-write', '1', 'has too few replicas'],
])('a Redis that accepts no writes (%s) is not available, and the message says why', async (name, value, said) => {
  const queue = queueAt(server.url);
  await queue.probe();
  await configure([name, value]);
  await expect(queue.probe()).rejects.toMatchObject({
    code: 'queue-unavailable',
    message: expect.stringContaining(said),
  });
  await configure([name, '0']);
  await queue.probe();
});

test('a replica is told as such', async () => {
  const queue = queueAt(server.url);
  await queue.probe();
  const admin = new RedisConnections(server.url).patient();
  await admin.replicaof('127.0.0.1', 1);
  await expect(queue.probe()).rejects.toMatchObject({ message: expect.stringContaining('read-only') });
  await admin.replicaof('NO', 'ONE');
  admin.disconnect();
  await queue.probe();
});

test('a wrong password is told to clients, and is in the log', async () => {
  await configure(['requirepass', 'right']);
  const queue = queueAt(server.url.replace('//', '//:wrong@'));
  await until(() => lines.length > 0);
  await expect(queue.probe()).rejects.toMatchObject({
    code: 'queue-unavailable',
    message: expect.stringContaining('refuses the user or password'),
  });
  expect(lines).toEqual([expect.stringMatching(/refuses the user or password.*WRONGPASS/)]);
  expect(lines.join()).not.toContain('wrong@');
});
