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
    const header = Buffer.alloc(4);
    header.writeUInt32LE(LOCAL_HEADER);
    directory.push(centralRecord(fields, name, offset));
    const local = Buffer.concat([header, fields, name]);
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
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt16LE(UTF8_NAMES, 2);
  fields.writeUInt16LE(DOS_DATE, 8);
  fields.writeUInt32LE(crc32(data), 10);
  fields.writeUInt32LE(data.byteLength, 14);
  fields.writeUInt32LE(data.byteLength, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

function centralRecord(fields: Buffer, name: Buffer, offset: number): Buffer {
  const before = Buffer.alloc(6);
  before.writeUInt32LE(CENTRAL_HEADER, 0);
  before.writeUInt16LE(VERSION, 4);
  const after = Buffer.alloc(14);
  after.writeUInt32LE(offset, 10);
  return Buffer.concat([before, fields, after, name]);
}

function endOfDirectory(entries: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(END_OF_DIRECTORY, 0);
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}
