import { ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { CairnError } from '../../../../../src/errors.js';
import { makeClient } from '../../../../../src/features/store/s3/s3-client.js';
import { S3Store } from '../../../../../src/features/store/s3/s3-store.js';
import { chunksOf, collect } from '../../../../support/chunks.js';
import { startFaultProxy, type Fault, type FaultProxy, type Seen } from '../../../../support/s3/fault-proxy.js';
import { S3_SERVER, type S3Server } from '../../../../support/s3/s3-servers.js';

const MIB = 1 << 20;
const SLOW_DOWN: Fault = { kind: 'status', status: 503, code: 'SlowDown' };

let server: S3Server;
let proxy: FaultProxy;
let client: S3Client;
let store: S3Store;
let number = 0;

beforeAll(async () => {
  server = await S3_SERVER.start();
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await startFaultProxy(server.settings.endpoint!);
  const settings = { ...server.settings, endpoint: proxy.url, prefix: `faults/${++number}` };
  client = makeClient(settings);
  store = new S3Store(settings, client, { settleMs: 0 });
  await store.identify('owner');
  // Asks for conditions once.
  await store.add('asked', chunksOf('x'));
});
afterEach(async () => {
  client.destroy();
  await proxy.close();
});

/** Each of the requests that `matches` chooses gets the fault, but no more than `times` of them. */
function fail(fault: Fault, matches: (request: Seen) => boolean, times = Infinity): void {
  let left = times;
  proxy.choose = (request) => (matches(request) && left-- > 0 ? fault : undefined);
}
const gets = ({ method }: Seen) => method === 'GET';
const puts = ({ method }: Seen) => method === 'PUT';

async function unfinished(): Promise<number> {
  const Prefix = `faults/${number}/`;
  const { bucket: Bucket } = server.settings;
  return (await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }))).Uploads?.length ?? 0;
}

async function bytesOf(key: string): Promise<Buffer> {
  const object = (await store.open(key))!;
  return object.read(0, object.size);
}

describe('what passes is waited out', () => {
  test('throttling, twice in a row, of writes and of reads', async () => {
    fail(SLOW_DOWN, puts, 2);
    await store.put('object', chunksOf('what is kept'));
    expect(proxy.seen.filter(({ url, method }) => method === 'PUT' && url.includes('object'))).toHaveLength(3);
    fail(SLOW_DOWN, gets, 2);
    expect((await bytesOf('object')).toString()).toBe('what is kept');
  });

  test('a part whose connection is cut is sent again', async () => {
    const bytes = randomBytes(18 * MIB);
    fail({ kind: 'cut-request', after: 3 * MIB }, ({ url }) => url.includes('partNumber=2'), 1);
    expect(await store.put('object', chunksOf(bytes))).toEqual({ size: bytes.length });
    expect((await bytesOf('object')).equals(bytes)).toBe(true);
  });

  test('a body that is cut in the middle goes on where it ended', async () => {
    const bytes = randomBytes(2 * MIB);
    await store.put('object', chunksOf(bytes));
    const before = proxy.seen.length;
    fail({ kind: 'cut-response', after: 700_000 }, gets, 2);
    const object = (await store.open('object'))!;
    expect(
      (await collect(object.stream(100, bytes.length - 1) as AsyncIterable<Uint8Array>)).equals(bytes.subarray(100)),
    ).toBe(true);
    const ranges = proxy.seen.slice(before).flatMap(({ headers }) => headers.range ?? []);
    expect(ranges).toHaveLength(3);
    for (const range of ranges.slice(1)) expect(Number(/=(\d+)-/.exec(range)![1])).toBeGreaterThan(100);
  });

  test('the lost answer to the end of an upload in parts is no failure', async () => {
    const bytes = randomBytes(9 * MIB);
    const completes = ({ method, url }: Seen) => method === 'POST' && url.includes('uploadId=');
    fail({ kind: 'lose-response' }, completes, 1);
    expect(await store.put('object', chunksOf(bytes))).toEqual({ size: bytes.length });
    expect((await bytesOf('object')).equals(bytes)).toBe(true);
  });

  test('the lost answer to a conditional write is no failure', async () => {
    fail({ kind: 'lose-response' }, puts, 1);
    expect(await store.add('object', chunksOf('first'))).toEqual({ size: 5 });
    expect((await bytesOf('object')).toString()).toBe('first');
  });

  test('a slow server', async () => {
    fail({ kind: 'slow', ms: 300 }, () => true);
    await store.put('object', chunksOf('slowly'));
    expect((await bytesOf('object')).toString()).toBe('slowly');
  });
});

describe('what stays is named', () => {
  const unavailable = { code: 'store-unavailable' };

  test('a server that fails, by each call', async () => {
    await store.put('object', chunksOf('x'));
    const object = (await store.open('object'))!;
    fail({ kind: 'status', status: 500, code: 'InternalError' }, () => true);
    for (const call of [
      () => store.put('other', chunksOf('x')),
      () => store.add('other', chunksOf('x')),
      () => store.putByDigest('images', chunksOf('x'), 9),
      () => store.open('object'),
      () => store.renew('object'),
      () => store.delete('object'),
      () => object.read(0, 1),
      () => store.probe(),
    ]) {
      await expect(call()).rejects.toMatchObject(unavailable);
    }
  }, 120_000);

  test('a part that cannot be sent ends the upload and its source, and leaves nothing', async () => {
    fail({ kind: 'status', status: 403, code: 'AccessDenied' }, ({ url }) => url.includes('partNumber=2'));
    let given = 0;
    const endless = async function* () {
      for (; given < 400; given++) yield await Promise.resolve(Buffer.alloc(MIB));
    };
    await expect(store.put('object', endless())).rejects.toMatchObject(unavailable);
    expect(given).toBeLessThan(100);
    proxy.choose = undefined;
    expect([await unfinished(), await store.has('object')]).toEqual([0, false]);
  });

  test('bodies that are always cut before their first byte', async () => {
    await store.put('object', chunksOf('what is kept'));
    const object = (await store.open('object'))!;
    fail({ kind: 'cut-response', after: 0 }, gets);
    await expect(object.read(0, 12)).rejects.toMatchObject({ transient: true });
  });

  test('a server that nobody reaches', async () => {
    await proxy.close();
    await expect(store.open('object')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('cannot be reached'),
    });
  });
});

describe('a server that says nothing', () => {
  const cancelled = new CairnError('cancelled', 'The job was cancelled.');

  test('an aborted signal ends writes and reads', async () => {
    await store.put('object', chunksOf('x'));
    for (const call of [
      (signal: AbortSignal) => store.put('other', chunksOf(Buffer.alloc(20 * MIB)), signal),
      (signal: AbortSignal) => store.put('other', chunksOf('x'), signal),
      async (signal: AbortSignal) => {
        proxy.choose = undefined;
        const object = (await store.open('object', signal))!;
        proxy.choose = () => ({ kind: 'silent' });
        return object.read(0, 1);
      },
    ]) {
      fail({ kind: 'silent' }, ({ method, url }) => method !== 'HEAD' && !url.includes('.cairn-store'));
      const stop = new AbortController();
      setTimeout(() => stop.abort(cancelled), 300);
      await expect(call(stop.signal)).rejects.toMatchObject({ code: 'cancelled' });
    }
  });

  test('a stream that is destroyed closes at once', async () => {
    await store.put('object', chunksOf('x'));
    const stream = (await store.open('object'))!.stream(0, 0).resume();
    fail({ kind: 'silent' }, gets);
    stream.destroy();
    await once(stream, 'close');
  });
});

test('an object is not read in the place of the one that was opened', async () => {
  await store.put('object', chunksOf('before'));
  const object = (await store.open('object'))!;
  await store.put('object', chunksOf('after!'));
  await expect(object.read(0, 6)).rejects.toMatchObject({ message: expect.stringContaining('replaced') });
  await store.delete('object');
  await expect(collect(object.stream(0, 5) as AsyncIterable<Uint8Array>)).rejects.toMatchObject({
    message: expect.stringContaining('replaced'),
  });
});
