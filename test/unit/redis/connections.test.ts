import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startPrivateRedis, type PrivateRedis } from '../../../scripts/redis.mjs';
import { RedisConnections } from '../../../src/redis/connections.js';
import { ChangeCounter, DEAD_AFTER_MS, StreamTail } from '../../../src/redis/stream-tail.js';
import { until } from '../../integration/support/service.js';

let server: PrivateRedis;
let lines: string[];
let connections: RedisConnections;

beforeEach(async () => {
  server = await startPrivateRedis();
  lines = [];
  const log = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  connections = new RedisConnections(server.url, log);
});
afterEach(async () => {
  connections.close();
  await server.stop();
});

async function restart(): Promise<void> {
  const { port } = server;
  await server.stop();
  await until(() => lines.length > 0);
  server = await startPrivateRedis({ port });
}

test('an outage is logged once, with the URL, and so is its end', async () => {
  const all = [connections.failFast(), connections.patient(), connections.patient()];
  await until(() => all.every(({ status }) => status === 'ready'));
  await restart();
  await until(() => all.every(({ status }) => status === 'ready'));
  expect(lines).toEqual([
    expect.stringMatching(/^Redis at redis:\/\/127\.0\.0\.1:\d+ \(REDIS_URL\) cannot be reached: .*ECONNREFUSED/),
    expect.stringMatching(/^Redis at redis:\/\/127\.0\.0\.1:\d+ is back$/),
  ]);
});

test('credentials of the URL are not logged', async () => {
  const url = server.url.replace('//', '//someone:secret@');
  const refused = new RedisConnections(url, { log: () => undefined, warn: (line) => lines.push(line) });
  await server.stop();
  refused.patient();
  await until(() => lines.length > 0);
  refused.close();
  expect(lines.join()).toContain(server.url);
  expect(lines.join()).not.toMatch(/someone|secret/);
});

test('a patient connection’s commands wait for a Redis that is away, also those of its copies; closing ends the wait', async () => {
  const redis = connections.patient();
  await until(() => redis.status === 'ready');
  const copy = redis.duplicate();
  copy.on('error', () => undefined);
  await restart();
  expect([await redis.ping(), await copy.ping()]).toEqual(['PONG', 'PONG']);
  await server.stop();
  const waiting = copy.ping();
  connections.close();
  await expect(waiting).rejects.toThrow('Connection is closed');
});

test('the tail of a stream notices what was appended, also after Redis was away', async () => {
  const tail = new StreamTail(connections.blocking(DEAD_AFTER_MS), 'stream');
  const writer = connections.patient();
  const { signal } = new AbortController();
  const grows = async (append: () => Promise<unknown>) => {
    const { count } = tail.growth;
    await append();
    await tail.growth.after(count, 30_000, signal);
    return tail.growth.count > count;
  };
  await until(() => tail.growth.count > 0);
  expect(await grows(() => writer.xadd('stream', '*', 'a', 'b'))).toBe(true);
  await restart();
  // The stream is empty now, and its ids start over: that must not stop the reader.
  expect(await grows(() => writer.xadd('stream', '1-1', 'a', 'b'))).toBe(true);
  expect(await grows(() => writer.xadd('stream', '2-1', 'a', 'b'))).toBe(true);
  tail.close();
  tail.close();
});

test('a change between reading the counter and waiting for it is not missed; an abort and the time end the wait', async () => {
  const changes = new ChangeCounter();
  const stop = new AbortController();
  const { count } = changes;
  changes.bump();
  await changes.after(count, 60_000, stop.signal);
  await changes.after(changes.count, 1, stop.signal);
  const waits = [changes.after(changes.count, 60_000, stop.signal), changes.after(changes.count, 60_000, stop.signal)];
  changes.bump();
  await Promise.all(waits);
  const aborted = changes.after(changes.count, 60_000, stop.signal);
  stop.abort();
  await aborted;
  await changes.after(changes.count, 60_000, stop.signal);
});
