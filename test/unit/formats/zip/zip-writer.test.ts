import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import yauzl from 'yauzl';
import { writeZip, type ZipEntry } from '../../../../src/formats/zip/zip-writer.js';
import { collect } from '../../../support/chunks.js';
import { unzip } from '../../../support/zarr.js';

async function* source(entries: Iterable<ZipEntry>): AsyncGenerator<ZipEntry> {
  for (const entry of entries) yield await Promise.resolve(entry);
}

function zip(...entries: ZipEntry[]): Promise<Buffer> {
  return collect(writeZip(source(entries)));
}

const entries: ZipEntry[] = [
  { path: 'zarr.json', data: Buffer.from('{"zarr_format":3}') },
  { path: 'C2/c/0/0/0', data: randomBytes(100_000) },
  { path: 'empty', data: new Uint8Array(0) },
  { path: 'größe/ü', data: Buffer.from('name in UTF-8') },
  { path: 'digits', data: Buffer.from('123456789') },
];

describe('writeZip', () => {
  test('writes what another reader finds: the same names, order and bytes', async () => {
    const files = await unzip(await zip(...entries));
    expect([...files.keys()]).toEqual(entries.map(({ path }) => path));
    for (const { path, data } of entries) expect(files.get(path)!.equals(data)).toBe(true);
  });

  test('stores without compression, with sizes and checksums in the directory and before the data', async () => {
    const bytes = await zip(...entries);
    const reader = await yauzl.fromBufferPromise(bytes);
    for await (const entry of reader.eachEntry()) {
      const { data } = entries.find(({ path }) => path === entry.fileName)!;
      expect(entry).toMatchObject({ compressionMethod: 0, compressedSize: data.length, uncompressedSize: data.length });
      // General purpose flags: UTF-8 names, and neither encryption nor sizes that come after the data.
      expect(entry.generalPurposeBitFlag).toBe(0x0800);
      const local = await reader.readLocalFileHeaderPromise(entry);
      expect(local).toMatchObject({ crc32: entry.crc32, compressedSize: data.length, compressionMethod: 0 });
      expect(bytes.subarray(local.fileDataStart, local.fileDataStart + data.length).equals(data)).toBe(true);
      // The published check value of CRC-32.
      if (entry.fileName === 'digits') expect(entry.crc32).toBe(0xcbf43926);
    }
  });

  test('the same entries give the same bytes at any time, dated to the beginning of 1980', async () => {
    const [first, second] = [await zip(...entries), await zip(...entries)];
    expect(first.equals(second)).toBe(true);
    const reader = await yauzl.fromBufferPromise(first);
    const dates: Date[] = [];
    for await (const entry of reader.eachEntry()) dates.push(entry.getLastModDate({ timezone: 'UTC' }));
    expect(new Set(dates.map((date) => date.toISOString()))).toEqual(new Set(['1980-01-01T00:00:00.000Z']));
  });

  test('a zip of nothing is a zip', async () => {
    expect(await unzip(await zip())).toEqual(new Map());
  });

  test('hands on the data itself, without a copy, as it comes', async () => {
    const [first, second] = [randomBytes(10), randomBytes(10)];
    let asked = 0;
    const counting = async function* () {
      for (const data of [first, second]) {
        asked++;
        yield await Promise.resolve({ path: String(asked), data });
      }
    };
    const written = writeZip(counting());
    await written.next();
    expect((await written.next()).value).toBe(first);
    expect(asked).toBe(1);
    await written.return(undefined);
  });

  test('a source that fails fails the zip', async () => {
    const failing = async function* (): AsyncGenerator<ZipEntry> {
      yield await Promise.resolve(entries[0]!);
      throw new Error('no more bands');
    };
    await expect(collect(writeZip(failing()))).rejects.toThrow('no more bands');
  });

  // 65,535 in the directory means "see the zip64 record", which is not written.
  test('holds 65,534 entries, and refuses one more instead of writing a wrong directory', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => ({ path: `${i}`, data: Buffer.from('x') }));
    const files = await unzipNames(await zip(...many(65_534)));
    expect(files).toHaveLength(65_534);
    await expect(zip(...many(65_535))).rejects.toThrow(/exceeds 4 GiB or 65,535 entries/);
  });
});

async function unzipNames(bytes: Buffer): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of (await yauzl.fromBufferPromise(bytes)).eachEntry()) names.push(entry.fileName);
  return names;
}
