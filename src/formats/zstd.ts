import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { CairnError } from '../errors.js';
import { declareContentSize } from './zstd-frame.js';

/** Higher levels gain nothing on features and cost time. */
export const ZSTD_LEVEL = 1;
/** The least output buffer that zlib accepts. */
const MIN_CHUNK = 64;

/** zstd on native threads: neither call blocks the event loop. */
export interface Zstd {
  readonly name: string;
  /** One frame. */
  compress(data: Uint8Array): Promise<Uint8Array>;
  /** @throws CairnError `archive-corrupt` unless the data decodes to exactly `length` bytes. */
  decompress(data: Uint8Array, length: number): Promise<Uint8Array>;
}

type ZlibCall = (data: Uint8Array, options: object, done: (error: Error | null, result: Buffer) => void) => void;

/** Node's own zstd (22.15 and later), missing from the types of Node 20. */
interface ZlibWithZstd {
  readonly zstdCompress: ZlibCall;
  readonly zstdDecompress: ZlibCall;
  constants: { ZSTD_c_compressionLevel: number };
}

/** Implementations by name, the preferred one first. Each is undefined where this Node does not have it. */
export const ZSTD_MAKERS: Readonly<Record<string, () => Promise<Zstd> | undefined>> = {
  node: () =>
    'zstdCompress' in zlib ? Promise.resolve(checked(nodeZstd(zlib as unknown as ZlibWithZstd))) : undefined,
  '@toondepauw/node-zstd': async () => checked(await addonZstd()),
};

/** Node's own zstd where it has one, else the addon, which brings its binary along. */
export function loadZstd(): Promise<Zstd> {
  return ZSTD_MAKERS['node']!() ?? ZSTD_MAKERS['@toondepauw/node-zstd']!()!;
}

function checked(codec: Zstd): Zstd {
  return {
    ...codec,
    decompress: async (data, length) => {
      const result = await codec.decompress(data, length).catch((cause: unknown) => {
        throw new CairnError('archive-corrupt', 'A band of the archive does not decompress.', { cause });
      });
      if (result.byteLength === length) return result;
      throw new CairnError('archive-corrupt', `A band has ${result.byteLength} bytes; ${length} are expected.`);
    },
  };
}

function nodeZstd(zlib: ZlibWithZstd): Zstd {
  const compress = promisify(zlib.zstdCompress);
  const decompress = promisify(zlib.zstdDecompress);
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
  return {
    name: 'node',
    // One output buffer per band: the default of 16 KiB would cost a round trip between threads each.
    compress: (data) => {
      const length = data.byteLength;
      return compress(data, { params, pledgedSrcSize: length, chunkSize: Math.max(MIN_CHUNK, length) });
    },
    decompress: (data, length) => decompress(data, { maxOutputLength: length, chunkSize: Math.max(MIN_CHUNK, length) }),
  };
}

async function addonZstd(): Promise<Zstd> {
  const { Decoder, Encoder } = await import('@toondepauw/node-zstd');
  const encoder = new Encoder(ZSTD_LEVEL);
  const decoder = new Decoder();
  const view = (data: Uint8Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return {
    name: '@toondepauw/node-zstd',
    compress: async (data) => declareContentSize(await encoder.encode(view(data)), data.byteLength),
    decompress: (data) => decoder.decode(view(data)),
  };
}
