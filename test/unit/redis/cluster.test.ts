import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { Announcer, ANNOUNCE } from '../../../src/announcements/announcer.js';
import { ConsumerGroups } from '../../../src/announcements/consumer-groups.js';
import * as groupScripts from '../../../src/announcements/group-scripts.js';
import { BatchLedger, type LineOutcome } from '../../../src/batches/ledger.js';
import { BatchQueue } from '../../../src/batches/queue.js';
import * as batchScripts from '../../../src/batches/scripts.js';
import { AnnouncementLog } from '../../../src/announcements/follow.js';
import { listGroups } from '../../../src/announcements/list-groups.js';
import { extractQueue } from '../../../src/jobs/extract-queue.js';
import { JobQueue } from '../../../src/jobs/queue.js';
import { JobWorker } from '../../../src/worker/job-worker.js';
import { until } from '../../integration/support/service.js';
import { completed, payloadOf, SHA256 } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

/** A cluster of one node, which refuses what a cluster of many could not do: keys of several slots in one step. */
const current = useRedis({ settings: { 'cluster-enabled': 'yes' } });
const OWN_SCRIPTS = [ANNOUNCE, ...Object.values(groupScripts), ...Object.values(batchScripts)];

/** Commands as Redis runs them, those of scripts included. */
const monitored: { readonly args: string[]; readonly fromScript: boolean }[] = [];
let monitor: Redis;

beforeAll(async () => {
  await current.redis.cluster('ADDSLOTSRANGE', 0, 16383);
  await until(async () => (await current.redis.cluster('INFO')).includes('cluster_state:ok'));
  monitor = await current.redis.monitor();
  monitor.on('monitor', (_: string, args: string[], source: string) =>
    monitored.push({ args, fromScript: source === 'lua' }),
  );
});
afterAll(() => monitor.disconnect());

const id = 'c'.repeat(32);
const outcome = (line: number): LineOutcome => ({ line, name: 'n', state: 'completed', featuresId: SHA256 });

test('what shares a prefix with a hash tag runs in a cluster, and scripts touch the keys that they declare', async () => {
  const { redis, keys, connections } = current;
  expect(await redis.set('elsewhere', '1')).toBe('OK');
  await expect(redis.exists('elsewhere', keys.prefix)).rejects.toThrow('CROSSSLOT');

  const queue = extractQueue(redis, keys.prefix);
  const jobs = new JobQueue({ redis, queue, keys, limit: 100 });
  const batches = new BatchQueue({ redis, keys, jobs: queue });
  const ledger = new BatchLedger(redis, keys);
  const announcer = new Announcer({ redis, keys, queue, length: 2 });

  const batch = { id, manifest: 'm', total: 4, rejected: { count: 0, first: [] }, createdAt: new Date().toISOString() };
  expect(await batches.submit(batch)).toBe(true);
  await ledger.recordLines(id, [outcome(1), outcome(2)]);
  await ledger.recorded(id, [1, 2, 3]);
  await ledger.advance(id, { offset: 1, lines: 1 });
  expect(await batches.status(id)).toMatchObject({ completed: 2 });
  expect(await batches.cancel(id)).toMatchObject({ state: 'cancelled' });
  await ledger.fail(id);
  expect((await batches.page(id, '0-0', 9)).length).toBe(2);

  const worker = new JobWorker(
    {
      process: () => Promise.resolve({ featuresId: SHA256, timings: { run: 1 } }),
      ...{ redis, subscriber: connections.patient(), keys, recorders: [ledger, announcer] },
      log: { log: () => undefined, warn: () => undefined },
    },
    { name: 'w', concurrency: 1, lockDurationMs: 30_000, drainTimeoutMs: 1000 },
  );
  const cancelled = await jobs.submit(payloadOf(), 'normal');
  await jobs.cancel(cancelled.id);
  worker.start();
  const job = await jobs.submit(payloadOf(), 'high');
  await until(async () => (await jobs.status(job.id)).state === 'completed');
  await until(async () => (await jobs.status(cancelled.id)).state === 'cancelled');
  await worker.close();

  const groups = new ConsumerGroups(redis, keys.announcements);
  const member = { group: 'g', consumer: 'c', token: 't' };
  await groups.join(member, { filter: undefined, from: '0' });
  for (let i = 0; i < 4; i++) await announcer.record(completed(`${i}`));
  const taken = await groups.take(member, { prefetch: 5, redeliverAfterMs: 1000 }, []);
  if (taken.state !== 'ok') throw new Error(taken.state);
  const [set] = taken.sets;
  expect(await groups.extend('g', 'c', [set!.id])).toEqual([set!.id]);
  expect(await groups.acknowledge('g', [set!.id])).toBe(1);
  await groups.leave(member);
  await listGroups(redis, keys.announcements);
  expect((await new AnnouncementLog(redis, keys.announcements).page('0-0')).sets).toHaveLength(2);
  expect(await groups.removeIdle()).toBe(false);
  await groups.remove('g');

  const marker = redis.echo('the end');
  await until(() => monitored.some(({ args }) => args[1] === 'the end'));
  await marker;
  await Promise.all([queue.close(), batches.close()]);

  expect([...(await checkDeclaredKeys())].sort()).toEqual(OWN_SCRIPTS.map(digest).sort());
});

const digest = (script: string) => createHash('sha1').update(script).digest('hex');

/** Compares the keys of every command in a script of ours with those that the script declared; the digests of those that ran. */
async function checkDeclaredKeys(): Promise<Set<string>> {
  const ran = new Set<string>();
  let declared: readonly string[] | undefined;
  for (const { args, fromScript } of monitored) {
    if (fromScript) {
      const keys = declared && (await keysOf(args));
      for (const key of keys ?? []) expect([args, declared]).toEqual([args, expect.arrayContaining([key])]);
      continue;
    }
    const [name, script, count, ...rest] = args;
    if (!/^eval(sha)?$/i.test(name!)) continue;
    // MONITOR escapes what it shows.
    const sha = name!.length === 4 ? digest(script!.replaceAll('\\n', '\n')) : script!;
    const ours = OWN_SCRIPTS.some((own) => digest(own) === sha);
    declared = ours ? rest.slice(0, Number(count)) : undefined;
    if (ours) ran.add(sha);
  }
  return ran;
}

async function keysOf(command: readonly string[]): Promise<string[]> {
  if (command.length === 1) return [];
  try {
    return (await current.redis.call('COMMAND', 'GETKEYS', ...command)) as string[];
  } catch (error) {
    if ((error as Error).message.includes('no key arguments')) return [];
    throw error;
  }
}
