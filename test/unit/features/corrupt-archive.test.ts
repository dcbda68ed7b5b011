import { describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import yauzl from 'yauzl';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { writeArchive } from '../../../src/features/archive-writer.js';
import { describeLevel } from '../../../src/features/feature-set.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { streamLevels } from '../../../src/features/stream-levels.js';
import { writeZip, type ZipEntry } from '../../../src/formats/zip/zip-writer.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';
import { expectNoOpenFiles } from '../../support/open-files.js';
import { runScript } from '../../support/run-script.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { unzip } from '../../support/zarr.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const zstd = await loadZstd();
const set = featureSet(plansOf('float32'));
const [tall] = set.levels.map((level) => describeLevel(level));
const sound = await collect(writeArchive(set, zstd));
const corrupt = (message = /./) => ({ code: 'archive-corrupt', message: expect.stringMatching(message) });

/** Keeps `bytes` in a store as they are. */
async function keep(bytes: Uint8Array): Promise<{ root: string; store: FileStore }> {
  const root = await tempDir();
  await writeFile(join(root, 'archive'), bytes);
  return { root, store: new FileStore(root) };
}

async function open(bytes: Uint8Array): Promise<ArchiveReader> {
  const { store } = await keep(bytes);
  return ArchiveReader.open((await store.open('archive'))!, zstd);
}

/** The sound archive with some entries replaced, or left out where undefined, in a zip that is sound itself. */
async function rezip(changed: Record<string, Uint8Array | undefined>): Promise<Buffer> {
  const files = { ...Object.fromEntries(await unzip(sound)), ...changed };
  const entries = async function* (): AsyncGenerator<ZipEntry> {
    for (const [path, data] of Object.entries(files)) if (data) yield await Promise.resolve({ path, data });
  };
  return collect(writeZip(entries()));
}

/** The sound archive with one byte of an entry's data changed. */
async function flip(path: string): Promise<Buffer> {
  const bytes = Buffer.from(sound);
  const zip = await yauzl.fromBufferPromise(bytes);
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName !== path) continue;
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    bytes[fileDataStart + Math.floor(entry.compressedSize / 2)]! ^= 0x10;
    return bytes;
  }
  throw new Error(`there is no ${path}`);
}

describe('ArchiveReader.open refuses', () => {
  test.each([
    ['no bytes', () => Buffer.alloc(0)],
    ['text', () => Buffer.from('not a zip')],
    ['the first half', () => sound.subarray(0, sound.length / 2)],
    ['all but the last byte', () => sound.subarray(0, -1)],
    ['all but the first byte', () => sound.subarray(1)],
    ['a byte changed in the description', () => flip('zarr.json')],
    ['no description', () => rezip({ 'zarr.json': undefined })],
    ['a description that is not JSON', () => rezip({ 'zarr.json': Buffer.from('{') })],
    ['a description that is null', () => rezip({ 'zarr.json': Buffer.from('null') })],
    ['a group of somebody else', () => rezip({ 'zarr.json': Buffer.from('{"zarr_format":3,"node_type":"group"}') })],
    ['a zip of nothing', () => collect(writeZip((async function* (): AsyncGenerator<ZipEntry> {})()))],
  ])('%s', async (_, bytes) => {
    await expect(open(await bytes())).rejects.toMatchObject(corrupt());
  });
});

describe('a band that cannot be read is refused, and the others are not', () => {
  test.each([
    ['a byte of it changed', () => flip('C2/c/1/0/0'), /C2\/c\/1\/0\/0 fails its checksum/],
    ['it is missing', () => rezip({ 'C2/c/1/0/0': undefined }), /no entry C2\/c\/1\/0\/0/],
    ['it is not zstd', () => rezip({ 'C2/c/1/0/0': Buffer.from('not zstd at all') }), /does not decompress/],
    [
      'it is another level’s',
      async () => rezip({ 'C2/c/1/0/0': await zstd.compress(Buffer.alloc(9)) }),
      /A band has 9 bytes/,
    ],
  ])('%s', async (_, bytes, message) => {
    const reader = await open(await bytes());
    await expect(reader.band(tall!, 1)).rejects.toMatchObject(corrupt(message));
    await expect(reader.band(tall!, 0)).resolves.toBeDefined();
    await expect(reader.band(tall!, 99)).rejects.toMatchObject(corrupt(/no entry/));
    await reader.close();
  });

  test('the stream of a corrupt archive ends with the error, not early and not with wrong bytes', async () => {
    const reader = await open(await flip('C2/c/1/0/0'));
    const { stream } = await streamLevels(reader, reader.select());
    await expect(collect(stream as AsyncIterable<Uint8Array>)).rejects.toMatchObject(corrupt());
  });

  test('a file that shrinks while it is open is corrupt, not cut short', async () => {
    const { root, store } = await keep(sound);
    const reader = await ArchiveReader.open((await store.open('archive'))!, zstd);
    await writeFile(join(root, 'archive'), sound.subarray(0, 1000));
    await expect(reader.band(tall!, 1)).rejects.toMatchObject({ code: 'archive-corrupt' });
    await reader.close();
  });
});

describe('a failure that nobody waits for yet does not end the process', () => {
  test('a corrupt band is read ahead while a slow client takes the one before', async () => {
    const { root } = await keep(await flip('C2/c/1/0/0'));
    const imports = {
      ArchiveReader: 'features/archive-reader.js',
      FileStore: 'features/store/file-store.js',
      loadZstd: 'formats/zstd.js',
      streamLevels: 'features/stream-levels.js',
    };
    const result = await runScript(
      `const object = await new FileStore(process.argv[1]).open('archive');
       const reader = await ArchiveReader.open(object, await loadZstd());
       const { stream } = await streamLevels(reader, reader.select());
       const chunks = stream[Symbol.asyncIterator]();
       for (let i = 0; i < 2; i++) await chunks.next();
       await new Promise((resolve) => setTimeout(resolve, 200));
       try { while (!(await chunks.next()).done); } catch (error) { console.log(error.code); }`,
      { imports, args: [root] },
    );
    expect(result).toMatchObject({ status: 0, stdout: 'archive-corrupt\n' });
  });

  test('a band fails to compress while the disk takes the one before', async () => {
    const { description } = featureSet([{ name: 'C2', shape: [64, 64, 256], dtype: 'float16' }]);
    const result = await runScript(
      `const description = JSON.parse(process.argv[1]);
       const tensor = { dtype: 'float16', shape: [64, 64, 256], data: new Uint8Array(2 << 20) };
       const set = { description, levels: [{ name: 'C2', stride: 4, tensor, clipped: false }] };
       let calls = 0;
       const zstd = { compress: async (data) => { if (++calls > 1) throw new Error('no memory'); return data; } };
       try {
         for await (const chunk of writeArchive(set, zstd)) await new Promise((resolve) => setTimeout(resolve, 50));
       } catch (error) { console.log(error.message); }`,
      { imports: { writeArchive: 'features/archive-writer.js' }, args: [JSON.stringify(description)] },
    );
    expect(result).toMatchObject({ status: 0, stdout: 'no memory\n' });
  });
});

test('the sound archive that the damaged ones are made of opens', async () => {
  await (await open(sound)).close();
  await (await open(await rezip({}))).close();
});
