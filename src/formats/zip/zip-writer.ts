import { crc32 } from 'node:zlib';

export interface ZipEntry {
  readonly path: string;
  readonly data: Uint8Array;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
/** 2.0: the version that plain, uncompressed entries need. */
const VERSION = 20;
const UTF8_NAMES = 0x0800;
/** MS-DOS dates begin in 1980; entries carry no time of their own, so that equal content gives equal bytes. */
const DOS_DATE = (1 << 5) | 1;
const MAX_OFFSET = 0xffffffff;
const MAX_ENTRIES = 0xffff;

/**
 * Writes entries one after the other as an uncompressed zip. Sizes and checksums stand in front of
 * each entry's data, so a reader needs no look-ahead; the directory comes last. The checksum is
 * zlib's native one: it runs over every byte of every archive.
 *
 * @throws Error when the archive would need the zip64 extension (4 GiB or 65,535 entries).
 */
export async function* writeZip(entries: AsyncIterable<ZipEntry>): AsyncGenerator<Uint8Array> {
  const directory: Buffer[] = [];
  let offset = 0;
  for await (const { path, data } of entries) {
    const name = Buffer.from(path, 'utf8');
    const fields = entryFields(name, data);
    directory.push(centralRecord(fields, name, offset));
    const local = Buffer.concat([uint32(LOCAL_HEADER), fields, name]);
    offset += local.length + data.byteLength;
    if (offset > MAX_OFFSET || directory.length >= MAX_ENTRIES)
      throw new Error('the archive exceeds 4 GiB or 65,535 entries');
    yield local;
    yield data;
  }
  const records = Buffer.concat(directory);
  yield records;
  yield endOfDirectory(directory.length, records.length, offset);
}

/** The 26 bytes that the local header and the central record have in common. */
function entryFields(name: Buffer, data: Uint8Array): Buffer {
  const { byteLength } = data;
  return Buffer.concat([
    uint16(VERSION, UTF8_NAMES, 0, 0, DOS_DATE),
    uint32(crc32(data), byteLength, byteLength),
    uint16(name.length, 0),
  ]);
}

function centralRecord(fields: Buffer, name: Buffer, offset: number): Buffer {
  const attributes = Buffer.alloc(10);
  return Buffer.concat([uint32(CENTRAL_HEADER), uint16(VERSION), fields, attributes, uint32(offset), name]);
}

function endOfDirectory(entries: number, size: number, offset: number): Buffer {
  return Buffer.concat([uint32(END_OF_DIRECTORY), uint16(0, 0, entries, entries), uint32(size, offset), uint16(0)]);
}

function uint16(...values: number[]): Buffer {
  return littleEndian(2, values);
}

function uint32(...values: number[]): Buffer {
  return littleEndian(4, values);
}

function littleEndian(bytes: number, values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(bytes * values.length);
  for (const [i, value] of values.entries()) buffer.writeUIntLE(value, i * bytes, bytes);
  return buffer;
}
