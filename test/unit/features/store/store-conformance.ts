import { beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CairnError } from '../../../../src/errors.js';
import type { Store } from '../../../../src/features/store/store.js';
import { chunksOf, collect } from '../../../support/chunks.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';

export interface StoreCase {
  readonly name: string;
  /** A store that holds nothing. */
  readonly make: () => Promise<Store>;
  /** Everything that the last store made takes up, finished or not, as keys. */
  readonly list: () => Promise<string[]>;
  /** Makes an object of the last store as old as that. */
  readonly age: (key: string, ms: number) => Promise<void>;
  /** What the store's server does not promise, where there is one. */
  readonly lacks?: readonly ('replaced objects stay open' | 'concurrent writes')[];
}

/** Of large ones, which some stores write in parts. */
const MIB = 1 << 20;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function contentOf(store: Store, key: string): Promise<string | undefined> {
  const object = await store.open(key);
  if (!object) return undefined;
  const bytes = await object.read(0, object.size);
  await object.close();
  return bytes.toString();
}

/** What every store must do, wherever it keeps its objects. */
export function testStore({ name, make, list, age, lacks = [] }: StoreCase): void {
  const concurrently = lacks.includes('concurrent writes') ? test.skip : test;
  describe(`store ${name}`, () => {
    expectNoOpenFiles();
    let store: Store;
    beforeEach(async () => {
      store = await make();
    });

    describe('put', () => {
      test('keeps all chunks in order, and tells the size', async () => {
        expect(await store.put('a/b/object', chunksOf('one ', '', 'two ', 'three'))).toEqual({ size: 13 });
        expect(await contentOf(store, 'a/b/object')).toBe('one two three');
        expect(await store.has('a/b/object')).toBe(true);
        expect(await list()).toEqual(['a/b/object']);
      });

      test('keeps an object without bytes', async () => {
        expect(await store.put('empty', chunksOf())).toEqual({ size: 0 });
        expect(await contentOf(store, 'empty')).toBe('');
      });

      test('replaces what was there, and who has it open keeps what he opened', async () => {
        await store.put('object', chunksOf('before'));
        const open = (await store.open('object'))!;
        await store.put('object', chunksOf('after it'));
        const read = open.read(0, open.size);
        if (lacks.includes('replaced objects stay open')) {
          // Never the bytes of the other one.
          await expect(read).rejects.toMatchObject({ code: 'store-failed' });
        } else expect((await read).toString()).toBe('before');
        await open.close();
        expect(await contentOf(store, 'object')).toBe('after it');
      });

      test('keeps a large object, which shows when it is whole', async () => {
        const parts = Array.from({ length: 18 }, () => randomBytes(MIB));
        let seen: boolean | undefined;
        const watching = async function* () {
          yield* chunksOf(...parts);
          seen = await store.has('large');
          yield Buffer.from('end');
        };
        expect(await store.put('large', watching())).toEqual({ size: 18 * MIB + 3 });
        expect(seen).toBe(false);
        const object = (await store.open('large'))!;
        expect(sha256(await object.read(0, object.size))).toBe(sha256(Buffer.concat([...parts, Buffer.from('end')])));
        expect((await object.read(17 * MIB, 100)).equals(parts[17]!.subarray(0, 100))).toBe(true);
        await object.close();
        expect(await list()).toEqual(['large']);
      });

      test('a source may use its buffer again', async () => {
        const buffer = Buffer.alloc(4);
        const again = async function* () {
          for (const text of ['one ', 'two ', 'end!']) {
            buffer.write(text);
            yield await Promise.resolve(buffer);
          }
        };
        await store.put('object', again());
        expect(await contentOf(store, 'object')).toBe('one two end!');
      });

      test.each([1, 9])(
        'an aborted signal ends it after %i MiB, though the source hangs, and leaves nothing',
        async (size) => {
          const stop = new AbortController();
          const hanging = async function* () {
            for (let i = 0; i < size; i++) yield Buffer.alloc(MIB, i);
            stop.abort(new CairnError('cancelled', 'The job was cancelled.'));
            await new Promise(() => undefined);
          };
          const cancelled = { code: 'cancelled' };
          await expect(store.put('object', hanging(), stop.signal)).rejects.toMatchObject(cancelled);
          await expect(store.add('object', hanging(), stop.signal)).rejects.toMatchObject(cancelled);
          await expect(store.putByDigest('images', hanging(), 1e9, stop.signal)).rejects.toMatchObject(cancelled);
          expect(await list()).toEqual([]);
        },
      );

      test('a large source that throws leaves nothing', async () => {
        const failing = async function* () {
          for (let i = 0; i < 9; i++) yield await Promise.resolve(Buffer.alloc(MIB, i));
          throw new Error('the source broke off');
        };
        const failed = { code: 'store-failed', message: 'the source broke off' };
        await expect(store.put('object', failing())).rejects.toMatchObject(failed);
        await expect(store.putByDigest('images', failing(), 1e9)).rejects.toMatchObject(failed);
        expect(await list()).toEqual([]);
      });

      test('shows nothing before the last byte is there', async () => {
        let seen: boolean | undefined;
        const watching = async function* () {
          yield Buffer.from('half');
          await sleep(5);
          seen = await store.has('object');
          yield Buffer.from('whole');
        };
        await store.put('object', watching());
        expect(seen).toBe(false);
        expect(await store.has('object')).toBe(true);
      });

      test('a source that throws leaves nothing, and what was there stays', async () => {
        const failing = async function* () {
          yield await Promise.resolve(Buffer.from('half of it'));
          throw new Error('the source broke off');
        };
        await expect(store.put('new/object', failing())).rejects.toMatchObject({
          code: 'store-failed',
          message: 'the source broke off',
        });
        expect(await list()).toEqual([]);
        await store.put('old', chunksOf('before'));
        await expect(store.put('old', failing())).rejects.toMatchObject({ code: 'store-failed' });
        expect(await contentOf(store, 'old')).toBe('before');
        expect(await list()).toEqual(['old']);
      });

      concurrently('puts of one key at the same time leave one of them whole, and nothing else', async () => {
        const contents = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(50_000));
        const slowly = async function* (content: string) {
          for (let at = 0; at < content.length; at += 10_000) {
            await sleep(1);
            yield Buffer.from(content.slice(at, at + 10_000));
          }
        };
        await Promise.all(contents.map((content) => store.put('object', slowly(content))));
        expect(contents).toContain(await contentOf(store, 'object'));
        expect(await list()).toEqual(['object']);
      });
    });

    describe('add', () => {
      test('keeps an object that nobody has kept, and leaves alone one that is there', async () => {
        expect(await store.add('a/object', chunksOf('first'))).toEqual({ size: 5 });
        await age('a/object', 120_000);
        const before = (await store.open('a/object'))!;
        await before.close();
        expect(await store.add('a/object', chunksOf('another'))).toEqual({ size: 7 });
        const after = (await store.open('a/object'))!;
        await after.close();
        expect([await contentOf(store, 'a/object'), after.modified]).toEqual(['first', before.modified]);
        expect(await list()).toEqual(['a/object']);
      });

      concurrently('of one key at the same time keeps one of them whole, and nothing else', async () => {
        const contents = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(50_000));
        await Promise.all(contents.map((content) => store.add('object', chunksOf(content, content))));
        expect(contents.map((content) => content + content)).toContain(await contentOf(store, 'object'));
        expect(await list()).toEqual(['object']);
      });

      test('leaves alone a large object that is there', async () => {
        const parts = Array.from({ length: 9 }, (_, i) => Buffer.alloc(MIB, i));
        await store.add('large', chunksOf(...parts));
        expect(await store.add('large', chunksOf(...parts, 'x'))).toEqual({ size: 9 * MIB + 1 });
        const object = (await store.open('large'))!;
        await object.close();
        expect(object.size).toBe(9 * MIB);
        expect(await list()).toEqual(['large']);
      });
    });

    test('renew makes an object young, and says when there is none', async () => {
      await store.put('images/object', chunksOf('x'));
      await age('images/object', 120_000);
      expect(await store.renew('images/object')).toBe(true);
      await store.sweep('images', 60_000);
      expect(await store.has('images/object')).toBe(true);
      expect(await store.renew('images/other')).toBe(false);
    });

    test('list names the finished objects below a prefix', async () => {
      for (const key of ['images/one', 'images/two', 'features/three']) await store.put(key, chunksOf('x'));
      const keys: string[] = [];
      for await (const key of store.list('images')) keys.push(key);
      expect(keys.toSorted()).toEqual(['images/one', 'images/two']);
      for await (const key of store.list('batches')) keys.push(key);
      expect(keys).toHaveLength(2);
    });

    test('quarantine moves an object away, but not one that has taken its place', async () => {
      const modified = async () => {
        const object = (await store.open('features/object'))!;
        await object.close();
        return object.modified;
      };
      await store.put('features/object', chunksOf('damaged'));
      await age('features/object', 120_000);
      const seen = await modified();
      await store.put('features/object', chunksOf('made anew'));
      expect(await store.quarantine('features/object', seen)).toBe(false);
      expect(await contentOf(store, 'features/object')).toBe('made anew');
      expect(await store.quarantine('features/object', await modified())).toBe(true);
      expect(await store.has('features/object')).toBe(false);
      expect(await contentOf(store, 'quarantine/features/object')).toBe('made anew');
      expect(await store.quarantine('features/object', seen)).toBe(false);
    });

    describe('putByDigest', () => {
      test.each([3000, 400_000, 9 * MIB])('replaces an object of %i bytes that has lost its digest', async (length) => {
        const bytes = randomBytes(length);
        const { key } = await store.putByDigest('images', chunksOf(bytes), 1e9);
        await store.put(key, chunksOf(randomBytes(length)));
        await store.putByDigest('images', chunksOf(bytes), 1e9);
        const object = (await store.open(key))!;
        expect((await object.read(0, length)).equals(bytes)).toBe(true);
        await object.close();
      });

      test('keeps the bytes under their SHA-256, once', async () => {
        const bytes = randomBytes(3000);
        const expected = { key: `images/${sha256(bytes)}`, sha256: sha256(bytes), size: 3000 };
        expect(await store.putByDigest('images', chunksOf(bytes.subarray(0, 9), bytes.subarray(9)), 3000)).toEqual(
          expected,
        );
        expect(await store.putByDigest('images', chunksOf(bytes), 1e9)).toEqual(expected);
        expect(await list()).toEqual([expected.key]);
        const object = (await store.open(expected.key))!;
        expect((await object.read(0, 3000)).equals(bytes)).toBe(true);
        await object.close();
      });

      test('one byte above the limit is upload-too-large and leaves nothing', async () => {
        await expect(store.putByDigest('images', chunksOf(randomBytes(3000)), 2999)).rejects.toMatchObject({
          code: 'upload-too-large',
          message: expect.stringContaining('2999 bytes'),
        });
        expect(await list()).toEqual([]);
      });

      test('stops reading at the limit, so that an endless source ends', async () => {
        let read = 0;
        const endless = async function* () {
          for (;;) {
            read++;
            yield await Promise.resolve(Buffer.alloc(1000));
          }
        };
        await expect(store.putByDigest('images', endless(), 10_000)).rejects.toMatchObject({
          code: 'upload-too-large',
        });
        expect(read).toBe(11);
        expect(await list()).toEqual([]);
      });

      test('a source that throws leaves nothing', async () => {
        const failing = async function* () {
          yield await Promise.resolve(Buffer.alloc(10));
          throw new Error('gone');
        };
        await expect(store.putByDigest('images', failing(), 99)).rejects.toMatchObject({ code: 'store-failed' });
        expect(await list()).toEqual([]);
      });
    });

    describe('open', () => {
      test('of what is not there gives undefined', async () => {
        await store.put('a/object', chunksOf('x'));
        for (const key of ['object', 'a/other', 'b/object', 'a/object/below']) {
          expect(await store.open(key)).toBeUndefined();
          expect(await store.has(key)).toBe(false);
        }
      });

      test('reads ranges, and no more than there is', async () => {
        await store.put('object', chunksOf('0123456789'));
        const object = (await store.open('object'))!;
        expect(object.size).toBe(10);
        expect(Math.abs(Date.now() - object.modified.getTime())).toBeLessThan(60_000);
        expect((await object.read(3, 4)).toString()).toBe('3456');
        expect((await object.read(10, 0)).toString()).toBe('');
        await expect(object.read(8, 3)).rejects.toMatchObject({ code: 'archive-corrupt' });
        await expect(object.read(20, 1)).rejects.toMatchObject({ code: 'archive-corrupt' });
        await object.close();
        await expect(object.close()).resolves.toBeUndefined();
      });

      test('streams a range with both ends included, and is closed with the stream', async () => {
        await store.put('object', chunksOf('0123456789'));
        const stream = async (start: number, end: number) =>
          (await collect((await store.open('object'))!.stream(start, end) as AsyncIterable<Uint8Array>)).toString();
        expect(await stream(2, 5)).toBe('2345');
        expect(await stream(0, 9)).toBe('0123456789');
        expect(await stream(9, 9)).toBe('9');
        (await store.open('object'))!.stream(0, 9).destroy();
      });
    });

    test('delete removes an object, and one that is not there without complaint', async () => {
      await store.put('a/object', chunksOf('x'));
      await store.delete('a/object');
      expect(await store.has('a/object')).toBe(false);
      await expect(store.delete('a/object')).resolves.toBeUndefined();
    });

    test.each(['../object', 'a/../../object', '/etc/passwd', '..', '.', '', 'a/../..', '../store-b/object'])(
      'the key "%s", which leaves the store, is refused by every call',
      async (key) => {
        const refused = { code: 'store-failed', message: expect.stringContaining('leaves the store') };
        await expect(store.open(key)).rejects.toMatchObject(refused);
        await expect(store.has(key)).rejects.toMatchObject(refused);
        await expect(store.put(key, chunksOf('x'))).rejects.toMatchObject(refused);
        await expect(store.delete(key)).rejects.toMatchObject(refused);
        await expect(store.putByDigest(key, chunksOf('x'), 9)).rejects.toMatchObject(refused);
        await expect(store.sweep(key, 0)).rejects.toMatchObject(refused);
        expect(await list()).toEqual([]);
      },
    );

    describe('sweep', () => {
      test('removes what is older than the limit, below the prefix only', async () => {
        for (const key of ['images/old', 'images/young', 'features/old']) await store.put(key, chunksOf('x'));
        await store.sweep('images', 60_000);
        expect(await list()).toEqual(['features/old', 'images/old', 'images/young']);
        for (const key of ['images/old', 'features/old']) await age(key, 120_000);
        await store.sweep('images', 60_000);
        expect(await list()).toEqual(['features/old', 'images/young']);
      });

      test('the same bytes uploaded again are young again', async () => {
        const { key } = await store.putByDigest('images', chunksOf('x'), 9);
        await age(key, 120_000);
        await store.putByDigest('images', chunksOf('x'), 9);
        await store.sweep('images', 60_000);
        expect(await store.has(key)).toBe(true);
      });

      test('leaves alone what is being written', async () => {
        const slowly = async function* () {
          yield Buffer.from('half');
          await store.sweep('images', 0);
          yield Buffer.from('whole');
        };
        await store.put('images/object', slowly());
        expect(await contentOf(store, 'images/object')).toBe('halfwhole');
      });

      test('of a prefix that holds nothing does nothing', async () => {
        await expect(store.sweep('images', 0)).resolves.toBeUndefined();
      });
    });
  });
}
