import { expect, test } from '@jest/globals';
import { pack } from 'tar-stream';
import { BatchFeatureStream } from '../../../src/client/batch-features.js';

const SET = Buffer.alloc(100_000, 7);

async function tarOf(...entries: (readonly [string, string | Buffer])[]): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of entries) tar.entry({ name }, content as string);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

// eslint-disable-next-line @typescript-eslint/require-await -- a stream of chunks
async function* inPieces(bytes: Buffer, size = 1000, error?: Error): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
  if (error) throw error;
}

async function bytesOf(chunks: AsyncIterable<Uint8Array> | undefined): Promise<Buffer | undefined> {
  if (!chunks) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

const twoSets = () =>
  tarOf(
    ['00000003.json', '{"cursor":"1","line":3}'],
    ['00000003.safetensors', SET],
    ['00000001.json', '{"cursor":"2","line":1}'],
    ['00000001.safetensors', 'short'],
  );

test('sets come with their lines, in order', async () => {
  const stream = new BatchFeatureStream(inPieces(await twoSets()));
  const first = await stream.next();
  expect(first!.line).toBe(3);
  expect(await bytesOf(first!.bytes)).toEqual(SET);
  const second = await stream.next();
  expect([second!.line, (await bytesOf(second!.bytes))?.toString()]).toEqual([1, 'short']);
  expect(await stream.next()).toBeUndefined();
  expect(await stream.next()).toBeUndefined();
  await stream.close();
});

test('a stream that is cut anywhere is told from one that ended', async () => {
  const tar = await twoSets();
  for (const length of [300, 700, 1024, 1300, 50_000, 103_000]) {
    const stream = new BatchFeatureStream(inPieces(tar.subarray(0, length)));
    const read = async () => {
      for (let set = await stream.next(); set; set = await stream.next()) await bytesOf(set.bytes);
    };
    await expect(read()).rejects.toMatchObject({ code: 'server-unreachable' });
    await stream.close();
  }
});

test('a connection that breaks is told with its own error', async () => {
  const tar = await twoSets();
  const stream = new BatchFeatureStream(inPieces(tar.subarray(0, 20_000), 1000, new Error('ECONNRESET')));
  const set = await stream.next();
  await expect(bytesOf(set!.bytes)).rejects.toMatchObject({ code: 'server-unreachable' });
  await expect(stream.next()).rejects.toMatchObject({ code: 'server-unreachable' });
  await stream.close();
});

test('a set that the server has no more is told of, and the next one comes', async () => {
  const gone = ['00000002.json', '{"line":2,"error":{"code":"features-not-found","message":"Gone."}}'] as const;
  const stream = new BatchFeatureStream(
    inPieces(Buffer.concat([(await tarOf(gone)).subarray(0, 1024), await twoSets()])),
  );
  expect(await stream.next()).toMatchObject({ line: 2, error: { code: 'features-not-found' } });
  expect(await bytesOf((await stream.next())?.bytes)).toEqual(SET);
  await stream.close();
});

test('closing ends the source too, in the middle of a set, and twice', async () => {
  let ended = false;
  const tar = await twoSets();
  const source = async function* () {
    try {
      yield* inPieces(tar);
    } finally {
      ended = true;
    }
  };
  const stream = new BatchFeatureStream(source());
  await stream.next();
  await stream.close();
  await stream.close();
  await new Promise(setImmediate);
  expect(ended).toBe(true);
});

test.each([
  ['no description', [['00000001.safetensors', 'x']]],
  ['another form', [['00000001.json', '{"line":"one"}']]],
  ['no JSON', [['00000001.json', 'one']]],
] as const)('a tar with %s is none of ours', async (_, entries) => {
  const stream = new BatchFeatureStream(inPieces(await tarOf(...entries)));
  await expect(stream.next()).rejects.toMatchObject({ code: 'server-failed' });
  await stream.close();
});
