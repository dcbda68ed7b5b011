import { beforeEach, describe, expect, test } from '@jest/globals';
import { toFields, type AnnouncementFilter } from '../../../src/announcements/announcement.js';
import { ConsumerGroups, MAX_GROUPS, type Membership, type Taken } from '../../../src/announcements/consumer-groups.js';
import { listGroups } from '../../../src/announcements/list-groups.js';
import { SHA256 } from '../../support/jobs.js';
import { useRedis } from '../../support/redis.js';
import { specFor } from '../../support/specs.js';

const current = useRedis();
let groups: ConsumerGroups;

beforeEach(() => {
  groups = new ConsumerGroups(current.redis, current.keys.announcements);
});

/** Announces a set; returns its id in the stream. */
async function announce(model = 'mask-rcnn-resnet18', batchId?: string): Promise<string> {
  const batch = batchId === undefined ? undefined : { id: batchId, line: 1, name: 'x' };
  const announcement = { ...specFor({ model }), featuresId: SHA256, jobId: 'j', ...(batch && { batch }), made: true };
  return (await current.redis.xadd(current.keys.announcements.stream, '*', ...toFields(announcement)))!;
}

const everything: AnnouncementFilter = { models: [], batches: [] };
const LONG_MS = 60_000;

let connections = 0;
/** Joins a group, which begins before all announcements, as a new connection of the consumer. */
async function join(consumer: string, filter?: AnnouncementFilter, group = 'g'): Promise<Membership> {
  const membership = { group, consumer, token: `connection ${connections++}` };
  await groups.join(membership, { filter, from: '0' });
  return membership;
}

async function take(member: Membership, prefetch = 10, held: string[] = []): Promise<Taken> {
  const taken = await groups.take(member, { prefetch, redeliverAfterMs: LONG_MS }, held);
  if (taken.state !== 'ok') throw new Error(taken.state);
  return taken;
}
/** Makes it so that the consumer has held a set for that long. */
async function holdFor(ms: number, consumer: string, id: string): Promise<void> {
  const { stream } = current.keys.announcements;
  await current.redis.xclaim(stream, 'g', consumer, 0, id, 'IDLE', ms, 'JUSTID');
}
const delivered = ({ sets }: Taken) => sets.map(({ id, delivery }) => [id, delivery]);

describe('delivery', () => {
  test('each set goes to one consumer, at most as many as it may hold', async () => {
    const [a, b] = [await join('a'), await join('b')];
    const ids = [await announce(), await announce(), await announce()];
    const first = await take(a, 2);
    expect([delivered(first), first.full]).toEqual([
      [
        [ids[0], 1],
        [ids[1], 1],
      ],
      true,
    ]);
    expect(delivered(await take(b, 2))).toEqual([[ids[2], 1]]);
    expect(await take(a, 2, ids.slice(0, 2))).toMatchObject({ sets: [], held: ids.slice(0, 2), full: true });
  });

  test('an acknowledged set makes room, once', async () => {
    const a = await join('a');
    const ids = [await announce(), await announce()];
    await take(a, 1);
    const before = groups.acknowledgements.count;
    expect([await groups.acknowledge('g', [ids[0]!]), await groups.acknowledge('g', [ids[0]!])]).toEqual([1, 0]);
    expect(groups.acknowledgements.count).toBeGreaterThan(before);
    expect(await take(a, 1, [ids[0]!])).toMatchObject({ sets: [{ id: ids[1], delivery: 1 }], held: [] });
    expect(await groups.acknowledge('g', ['1-1'])).toBe(0);
  });

  test('a consumer that reconnects gets its own sets again at once; its old connection is superseded', async () => {
    const before = await join('a');
    const id = await announce();
    await take(before);
    const after = await join('a');
    expect(await groups.take(before, { prefetch: 1, redeliverAfterMs: LONG_MS }, [id])).toEqual({
      state: 'superseded',
    });
    expect(delivered(await take(after))).toEqual([[id, 2]]);
    // When the old connection leaves, the new one keeps the name.
    await groups.leave(before);
    expect(await take(after, 10, [id])).toMatchObject({ sets: [], held: [id] });
  });

  test('a set that was held for too long goes to another consumer, and its delivery is counted', async () => {
    const [slow, other] = [await join('slow'), await join('other')];
    const id = await announce();
    await take(slow);
    expect(delivered(await take(other))).toEqual([]);
    await holdFor(LONG_MS, 'slow', id);
    expect(delivered(await take(other))).toEqual([[id, 2]]);
    // The first consumer may still finish it: the first acknowledgement counts.
    expect(await take(slow, 10, [id])).toMatchObject({ held: [] });
    expect(await groups.acknowledge('g', [id])).toBe(1);
  });

  test('the same connection gets a set again after twice the time only', async () => {
    const a = await join('a');
    const id = await announce();
    await take(a);
    await holdFor(1.5 * LONG_MS, 'a', id);
    expect(await take(a, 10, [id])).toMatchObject({ sets: [], held: [id] });
    await holdFor(2 * LONG_MS, 'a', id);
    expect(delivered(await take(a, 10, [id]))).toEqual([[id, 2]]);
  });

  test('extending restarts the time of sets that the consumer still holds', async () => {
    const [a, b] = [await join('a'), await join('b')];
    const ids = [await announce(), await announce()];
    await take(a, 1);
    await take(b, 1);
    await holdFor(LONG_MS, 'a', ids[0]!);
    await holdFor(LONG_MS, 'b', ids[1]!);
    expect(await groups.extend('g', 'a', [...ids, '9-9'])).toEqual([ids[0]]);
    // b's set is old, a's is not.
    expect(delivered(await take(a, 10, [ids[0]!]))).toEqual([[ids[1], 2]]);
  });

  test('what a consumer held that left goes to another; its name is forgotten with its last set', async () => {
    const [a, b] = [await join('a'), await join('b')];
    const id = await announce();
    await take(a);
    await groups.leave(a);
    const names = async () => (await listGroups(current.redis, current.keys.announcements))[0]!.consumers;
    expect(await names()).toEqual([
      { name: 'a', pending: 1, connected: false },
      { name: 'b', pending: 0, connected: true },
    ]);
    await holdFor(LONG_MS, 'a', id);
    expect(delivered(await take(b))).toEqual([[id, 2]]);
    expect(await names()).toEqual([{ name: 'b', pending: 1, connected: true }]);
  });
});

describe('filters', () => {
  test('other announcements are skipped and count as read', async () => {
    const a = await join('a', { models: ['mask-rcnn-resnet34'], batches: [] });
    await announce();
    const wanted = await announce('mask-rcnn-resnet34');
    await announce();
    expect(delivered(await take(a))).toEqual([[wanted, 1]]);
    const [status] = await listGroups(current.redis, current.keys.announcements);
    expect(status).toMatchObject({ lag: 0, pending: 1, filter: { models: ['mask-rcnn-resnet34'] } });
  });

  test('models and batches must both match', async () => {
    const a = await join('a', { models: ['mask-rcnn-resnet18'], batches: ['one', 'two'] });
    const ids = [await announce(undefined, 'one'), await announce(undefined, 'two')];
    await announce('mask-rcnn-resnet34', 'one');
    await announce();
    await announce(undefined, 'three');
    expect(delivered(await take(a)).map(([id]) => id)).toEqual(ids);
  });

  test('a step skips so many and says that there may be more', async () => {
    const a = await join('a', { models: ['mask-rcnn-resnet34'], batches: [] });
    const pipeline = current.redis.pipeline();
    for (let i = 0; i < 600; i++) pipeline.xadd(current.keys.announcements.stream, '*', 'model', 'other', 'batch', '');
    await pipeline.exec();
    const wanted = await announce('mask-rcnn-resnet34');
    expect(await take(a)).toMatchObject({ sets: [], more: true });
    expect(await take(a)).toMatchObject({ sets: [{ id: wanted }], more: false });
  });

  test('a group has one filter: the same in another order is the same, none is the group’s', async () => {
    await join('a', { models: ['m', 'n'], batches: [] });
    await join('b', { models: ['n', 'm', 'm'], batches: [] });
    await join('c');
    await expect(join('d', { models: ['m'], batches: [] })).rejects.toMatchObject({ code: 'group-conflict' });
    await expect(join('d', everything)).rejects.toMatchObject({ code: 'group-conflict' });
  });
});

describe('what was trimmed', () => {
  /** As the announcer trims. */
  async function trim(last: string): Promise<void> {
    const { stream, trimmed } = current.keys.announcements;
    await current.redis.set(trimmed, last);
    await current.redis.xtrim(stream, 'MINID', '=', `${last.split('-')[0]}-${Number(last.split('-')[1]) + 1}`);
  }

  test('a group that had not read it is told, once', async () => {
    const a = await join('a');
    const ids = [await announce(), await announce(), await announce()];
    await trim(ids[1]!);
    expect(await take(a)).toMatchObject({ missedUntil: ids[1], sets: [{ id: ids[2] }] });
    expect((await take(a, 10, [ids[2]!])).missedUntil).toBeUndefined();
  });

  test('a group that had read it misses nothing; what it had not acknowledged is lost', async () => {
    const a = await join('a');
    const ids = [await announce(), await announce()];
    await take(a, 2);
    await trim(ids[0]!);
    const again = await join('a');
    expect(await take(again)).toMatchObject({ lost: 1, missedUntil: undefined, sets: [{ id: ids[1], delivery: 2 }] });
  });

  test('a new group that begins with the oldest misses nothing', async () => {
    const ids = [await announce(), await announce()];
    await trim(ids[0]!);
    expect(await take(await join('a'))).toMatchObject({ missedUntil: undefined, sets: [{ id: ids[1] }] });
  });
});

describe('groups', () => {
  test('a deleted group is gone for its consumers and its commands', async () => {
    const a = await join('a');
    await announce();
    await take(a);
    await groups.remove('g');
    expect(await groups.take(a, { prefetch: 1, redeliverAfterMs: LONG_MS }, [])).toEqual({ state: 'gone' });
    await groups.leave(a);
    for (const call of [groups.remove('g'), groups.acknowledge('g', ['1-1']), groups.extend('g', 'a', ['1-1'])]) {
      await expect(call).rejects.toMatchObject({ code: 'group-not-found' });
    }
  });

  test('a stream that was lost takes its groups with it, and joining makes them again', async () => {
    const a = await join('a');
    await current.redis.del(current.keys.announcements.stream);
    expect(await groups.take(a, { prefetch: 1, redeliverAfterMs: LONG_MS }, [])).toEqual({ state: 'gone' });
    const id = await announce();
    expect(delivered(await take(await join('a')))).toEqual([[id, 1]]);
  });

  test('there is a limit, which an existing group does not meet', async () => {
    await join('first');
    for (let i = 1; i < MAX_GROUPS; i++) await join('c', undefined, `g${i}`);
    await expect(join('c', undefined, 'more')).rejects.toMatchObject({ code: 'group-conflict' });
    expect(await listGroups(current.redis, current.keys.announcements)).toHaveLength(MAX_GROUPS);
    await join('second');
  });

  describe('at the limit, one that was left', () => {
    const HOUR_MS = 3600_000;
    const keys = () => current.keys.announcements;
    const age = async (group: string, ms: number) => {
      const key = keys().group(group);
      for (const field of Object.keys(await current.redis.hgetall(key))) {
        if (/At$|^seen:/.test(field)) await current.redis.hincrby(key, field, -ms);
      }
    };
    const fill = async () => {
      for (let i = 0; i < MAX_GROUPS; i++) await groups.leave(await join('c', undefined, `g${i}`));
    };
    const names = async () => (await listGroups(current.redis, keys())).map(({ name }) => name);

    test('gives way after an hour if nothing was ever acknowledged in it', async () => {
      await fill();
      await age('g7', HOUR_MS - 60_000);
      await expect(join('c', undefined, 'more')).rejects.toMatchObject({ code: 'group-conflict' });
      await age('g7', 60_000);
      await join('c', undefined, 'more');
      expect(await names()).toEqual(expect.arrayContaining(['more', 'g8']));
      expect(await names()).not.toContain('g7');
    });

    test('gives way after seven days if it was used', async () => {
      await fill();
      const member = await join('c', undefined, 'g7');
      const id = await announce();
      await take(member);
      await groups.acknowledge('g7', [id]);
      await groups.leave(member);
      await age('g7', 6 * 24 * HOUR_MS);
      await expect(join('c', undefined, 'more')).rejects.toMatchObject({ code: 'group-conflict' });
      await age('g7', 24 * HOUR_MS);
      await join('c', undefined, 'more');
    });

    test('stays while it has a consumer', async () => {
      await fill();
      await age('g7', 30 * 24 * HOUR_MS);
      await join('c', undefined, 'g7');
      await expect(join('c', undefined, 'more')).rejects.toMatchObject({ code: 'group-conflict' });
    });
  });

  test('there are none before the first announcement', async () => {
    expect(await listGroups(current.redis, current.keys.announcements)).toEqual([]);
  });
});
