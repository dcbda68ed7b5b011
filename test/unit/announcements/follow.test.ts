import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Announcer } from '../../../src/announcements/announcer.js';
import { AnnouncementLog, follow, type FollowItem } from '../../../src/announcements/follow.js';
import { extractQueue, type ExtractQueue } from '../../../src/jobs/extract-queue.js';
import { DEAD_AFTER_MS, StreamTail } from '../../../src/redis/stream-tail.js';
import { completed, payloadOf } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';

const current = useRedis();
let queue: ExtractQueue;
let log: AnnouncementLog;

beforeEach(() => {
  queue = extractQueue(current.redis, current.keys.prefix);
  log = new AnnouncementLog(current.redis, current.keys.announcements);
});
afterEach(() => queue.close());

const announcer = (length = 100) => new Announcer({ redis: current.redis, keys: current.keys, queue, length });
async function announce(count: number, length?: number): Promise<void> {
  for (let i = 0; i < count; i++) await announcer(length).record(completed(`job ${i}`));
}
const ids = async () => (await current.redis.xrange(current.keys.announcements.stream, '-', '+')).map(([id]) => id);

describe('announcing', () => {
  test('a job is announced once however often it completes, and the mark goes with the job', async () => {
    const job = await queue.add('extract', payloadOf(), { jobId: 'one' });
    for (let i = 0; i < 3; i++) await announcer().record(completed('one'));
    expect(await ids()).toHaveLength(1);
    await job.remove();
    expect(await current.redis.exists(queue.toKey('one'))).toBe(0);
  });

  test('failed and cancelled jobs are not', async () => {
    const error = { code: 'cancelled', message: 'No.' } as const;
    for (const state of ['failed', 'cancelled'] as const) {
      await announcer().record({ jobId: 'j', payload: payloadOf(), state, error });
    }
    expect(await ids()).toEqual([]);
  });

  test('a length that is lowered is reached step by step', async () => {
    await announce(5);
    const last = (await ids())[2];
    await announcer(3).record(completed('another'));
    expect(await ids()).toHaveLength(3);
    expect(await current.redis.get(current.keys.announcements.trimmed)).toBe(last);
  });
});

describe('positions', () => {
  test('the end by default, before the oldest with 0, and never beyond the end', async () => {
    expect([await log.position(), await log.position('0'), await log.position('5-0')]).toEqual(['0-0', '0-0', '0-0']);
    await announce(3);
    const [first, , last] = await ids();
    expect([await log.position(), await log.position('0'), await log.position(first)]).toEqual([last, '0-0', first]);
    expect(await log.position('999999999999999-0')).toBe(last);
  });

  test('with 0 a reader begins after what was trimmed', async () => {
    await announce(5, 2);
    const position = await log.position('0');
    expect(position).toBe(await current.redis.get(current.keys.announcements.trimmed));
    const page = await log.page(position);
    expect([page.sets.map(({ id }) => id), page.missedUntil]).toEqual([await ids(), undefined]);
  });
});

describe('pages', () => {
  test('are of a hundred, and readers of the same page share one read', async () => {
    await announce(150, 1000);
    const all = await ids();
    await current.redis.config('RESETSTAT');
    const [one, other] = await Promise.all([log.page('0-0'), log.page('0-0')]);
    expect(other).toBe(one);
    expect(await current.redis.info('commandstats')).toContain('cmdstat_xrange:calls=1,');
    expect(one.sets.map(({ id }) => id)).toEqual(all.slice(0, 100));
    expect((await log.page(all[99]!)).sets).toHaveLength(50);
  });

  test('tell what was trimmed to readers before it only', async () => {
    await announce(3);
    const [first, second] = await ids();
    await announcer(1).record(completed('another'));
    const trimmed = await current.redis.get(current.keys.announcements.trimmed);
    expect((await log.page(first!)).missedUntil).toBe(trimmed);
    expect((await log.page(second!)).missedUntil).toBe(trimmed);
    expect((await log.page(trimmed!)).missedUntil).toBeUndefined();
  });
});

describe('following', () => {
  let tail: StreamTail;
  let stop: AbortController;
  beforeEach(() => {
    tail = new StreamTail(current.connections.blocking(DEAD_AFTER_MS), current.keys.announcements.stream);
    stop = new AbortController();
  });
  afterEach(() => {
    stop.abort();
    tail.close();
  });

  async function next(items: AsyncGenerator<FollowItem>): Promise<FollowItem> {
    return ((await items.next()) as IteratorYieldResult<FollowItem>).value;
  }

  test('what is announced while nobody waits for it is not missed, and later sets come at once', async () => {
    const items = follow(log, tail, { filter: { models: [], batches: [] } }, stop.signal);
    expect(await next(items)).toEqual({ kind: 'ready', position: '0-0' });
    await announce(2);
    expect([(await next(items)).kind, (await next(items)).kind]).toEqual(['set', 'set']);
    const waiting = next(items);
    const begun = performance.now();
    await announcer().record(completed('late'));
    expect(await waiting).toMatchObject({ kind: 'set', announcement: { jobId: 'late' } });
    // Not by the heartbeat, which is due in 15 s.
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  test('a filter passes over other sets, and a gap is told before what follows', async () => {
    await announce(4);
    const [first] = await ids();
    await announcer(2).record(completed('resnet34', payloadOf({}, { model: 'mask-rcnn-resnet34' })));
    const filter = { models: ['mask-rcnn-resnet34'], batches: [] };
    const items = follow(log, tail, { after: first!, filter }, stop.signal);
    expect((await next(items)).kind).toBe('ready');
    expect(await next(items)).toEqual({
      kind: 'gap',
      position: await current.redis.get(current.keys.announcements.trimmed),
    });
    expect(await next(items)).toMatchObject({ announcement: { jobId: 'resnet34' } });
  });

  test('ends when it is stopped', async () => {
    const items = follow(log, tail, { filter: { models: [], batches: [] } }, stop.signal);
    await next(items);
    const waiting = items.next();
    stop.abort();
    expect((await waiting).done).toBe(true);
  });
});
