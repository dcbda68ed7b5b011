import { describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { DEFAULT_DECODE_LIMITS } from '../../../src/backbone/preprocess/decode.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import type { StoredObject } from '../../../src/features/store/store.js';
import { ImageIntake } from '../../../src/images/intake.js';
import { imageBytes } from '../../support/fixtures.js';
import { progressiveJpeg, withScans } from '../../support/jpeg-scans.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const MAX_UPLOAD_BYTES = 8 << 20;

/** Counts the objects that are opened for reading. */
class OpenCountingStore extends FileStore {
  opened = 0;
  override open(key: string): Promise<StoredObject | undefined> {
    this.opened++;
    return super.open(key);
  }
}

async function makeIntake() {
  const store = new OpenCountingStore(await tempDir());
  const limits = {
    maxUploadBytes: MAX_UPLOAD_BYTES,
    ...DEFAULT_DECODE_LIMITS,
    maxUrlLength: 2048,
    maxRatio: 100,
    maxPixels: 4_000_000,
  };
  return { store, intake: new ImageIntake(store, limits) };
}

/** In pieces, as a socket brings them. */
function sent(bytes: Buffer, pieceBytes = 64 << 10): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
    bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  return Readable.from(pieces);
}

const noise = (side: number) =>
  sharp(randomBytes(side * side * 3), { raw: { width: side, height: side, channels: 3 } });
const sha256Of = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('ImageIntake', () => {
  const images: [string, () => Promise<Buffer>][] = [
    ['a photo', () => Promise.resolve(imageBytes('astronaut.jpg'))],
    ['a PNG of megabytes', () => noise(1000).png({ compressionLevel: 0 }).toBuffer()],
    ['a JPEG of megabytes', () => noise(1900).jpeg({ quality: 100 }).toBuffer()],
  ];
  test.each(images)('keeps %s by its digest and never reads it back for its header', async (_, make) => {
    const { store, intake } = await makeIntake();
    const bytes = await make();
    const sha256 = sha256Of(bytes);
    const kept = await intake.keep(sent(bytes));
    expect(kept).toEqual({ source: { kind: 'upload', key: `images/${sha256}`, sha256 }, size: bytes.length });
    expect(store.opened).toBe(0);
    expect(await store.has(kept.source.key)).toBe(true);
  });

  test('reads back a large TIFF whose directory lies at its end', async () => {
    const { store, intake } = await makeIntake();
    // libvips writes the directory after the pixels.
    const bytes = await noise(1000).tiff({ compression: 'none' }).toBuffer();
    expect(bytes.readUInt32LE(4)).toBeGreaterThan(1_000_000);
    const { source } = await intake.keep(sent(bytes));
    expect(store.opened).toBe(1);
    expect(await store.has(source.key)).toBe(true);
  });

  test.each([
    ['few bytes', randomBytes(1000)],
    ['many bytes', randomBytes(2 << 20)],
  ])('keeps no %s that are no image, and drains them', async (_, bytes) => {
    const { store, intake } = await makeIntake();
    const body = sent(bytes);
    await expect(intake.keep(body)).rejects.toMatchObject({ code: 'image-unsupported' });
    expect(await store.has(`images/${sha256Of(bytes)}`)).toBe(false);
    if (!body.readableEnded) await once(body, 'end');
    expect(body.readableEnded).toBe(true);
  });

  test('refuses an image of too many pixels by its first bytes', async () => {
    const { intake } = await makeIntake();
    const bytes = await sharp({ create: { width: 3000, height: 3000, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    let pieces = 0;
    const endless = Readable.from(
      (function* () {
        yield bytes;
        for (; ; pieces++) yield randomBytes(64 << 10);
      })(),
    );
    await expect(intake.upload(endless)).rejects.toMatchObject({ code: 'image-too-large' });
    expect(pieces).toBeLessThan(32);
    endless.destroy();
  });

  test('refuses more bytes than the limit, and an empty body', async () => {
    const { intake } = await makeIntake();
    const large = Buffer.concat([imageBytes('astronaut.jpg'), Buffer.alloc(MAX_UPLOAD_BYTES)]);
    await expect(intake.keep(sent(large))).rejects.toMatchObject({ code: 'upload-too-large' });
    await expect(intake.keep(sent(Buffer.alloc(0)))).rejects.toMatchObject({ code: 'image-empty' });
  });

  test('an image that is named by its digest is young again, so that it is not swept before its job', async () => {
    const { store, intake } = await makeIntake();
    const { source } = await intake.keep(sent(imageBytes('astronaut.jpg')));
    const modified = async () => {
      const object = (await store.open(source.key))!;
      await object.close();
      return object.modified.getTime();
    };
    const before = await modified();
    await sleep(20);
    await intake.find({ sha256: source.sha256 });
    expect(await modified()).toBeGreaterThan(before);
  });

  test('a JPEG image of too many scans is refused while it is received, and no byte of it is kept', async () => {
    const { store, intake } = await makeIntake();
    // The first scans lie far behind the header.
    const comment = Buffer.concat([Buffer.of(0xff, 0xfe, 0xff, 0xff), Buffer.alloc(65_533)]);
    const image = await progressiveJpeg();
    const padded = Buffer.concat([
      image.subarray(0, 2),
      ...Array.from({ length: 8 }, () => comment),
      image.subarray(2),
    ]);
    expect((await intake.keep(sent(padded))).size).toBe(padded.length);
    const bomb = withScans(padded, 101);
    await expect(intake.keep(sent(bomb))).rejects.toMatchObject({ code: 'image-unsupported' });
    expect(await store.has(`images/${sha256Of(padded)}`)).toBe(true);
    expect(await store.has(`images/${sha256Of(bomb)}`)).toBe(false);
  });

  test('a URL may have as many characters as the limit', async () => {
    const { intake } = await makeIntake();
    const url = (length: number) => 'https://example.org/'.padEnd(length, 'x');
    expect(await intake.find({ url: url(2048) })).toMatchObject({ kind: 'url' });
    await expect(intake.find({ url: url(2049) })).rejects.toMatchObject({ code: 'url-too-long' });
  });

  test('finds an image by its digest, and takes a URL as it is', async () => {
    const { intake } = await makeIntake();
    const { source } = await intake.keep(sent(imageBytes('astronaut.jpg')));
    expect(await intake.find({ sha256: source.sha256 })).toEqual(source);
    await expect(intake.find({ sha256: '0'.repeat(64) })).rejects.toMatchObject({ code: 'image-missing' });
    expect(await intake.find({ url: 'https://example.org/a.jpg' })).toEqual({
      kind: 'url',
      url: 'https://example.org/a.jpg',
      maxBytes: MAX_UPLOAD_BYTES,
    });
  });
});
