import { afterEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { DecodeLimits } from '../../../../src/backbone/preprocess/decode.js';
import { Decoder, DEFAULT_DECODER_LIMITS, type DecoderLimits } from '../../../../src/backbone/preprocess/decoder.js';
import { preprocess } from '../../../../src/backbone/preprocess/preprocess.js';
import { until } from '../../../integration/support/service.js';
import { imageBytes } from '../../../support/fixtures.js';
import { slowJpeg } from '../../../support/jpeg-scans.js';

const SIZE = 128;
const tiny = imageBytes('tiny.png');
const decoders: Decoder[] = [];
const slow = slowJpeg();

afterEach(async () => {
  await Promise.all(decoders.splice(0).map((decoder) => decoder.close()));
});

function makeDecoder(limits: Partial<DecoderLimits> = {}, decode: Partial<DecodeLimits> = { maxScans: 1000 }): Decoder {
  const decoder = new Decoder(decode, { ...DEFAULT_DECODER_LIMITS, ...limits });
  decoders.push(decoder);
  return decoder;
}

/** The process that decodes. */
function pidOf(decoder: Decoder): number | undefined {
  return (decoder as unknown as { child?: { process: { pid?: number } } }).child?.process.pid;
}

/** Whether it still decodes. */
async function works(decoder: Decoder): Promise<void> {
  const { pixels, ...rest } = await decoder.preprocess(tiny, SIZE);
  const expected = await preprocess(tiny, SIZE);
  expect({ ...rest, pixels: Buffer.from(pixels) }).toEqual({ ...expected, pixels: Buffer.from(expected.pixels) });
}

test.each(['astronaut.jpg', 'cmyk.jpg', 'alpha.png', 'sixteen-bit.png', 'grey-exif6.jpg'])(
  'makes the same canvas as this process: %s',
  async (name) => {
    const bytes = imageBytes(name);
    const { pixels, ...rest } = await makeDecoder().preprocess(bytes, SIZE);
    const expected = await preprocess(bytes, SIZE);
    expect(rest).toEqual({ ...expected, pixels: undefined });
    expect(Buffer.from(pixels).equals(expected.pixels)).toBe(true);
  },
);

test('images that are asked for together each get their own canvas, from one process', async () => {
  const decoder = makeDecoder();
  const names = ['tiny.png', 'astronaut.jpg', 'palette.png'];
  const canvases = await Promise.all(names.map((name) => decoder.preprocess(imageBytes(name), SIZE)));
  const pid = pidOf(decoder);
  for (const [i, name] of names.entries()) {
    const expected = await preprocess(imageBytes(name), SIZE);
    expect(Buffer.from(canvases[i]!.pixels).equals(expected.pixels)).toBe(true);
  }
  await works(decoder);
  expect(pidOf(decoder)).toBe(pid);
});

test.each([
  ['truncated.jpg', {}, 'image-corrupt'],
  ['not-an-image.jpg', {}, 'image-unsupported'],
  ['empty.jpg', {}, 'image-empty'],
  ['astronaut.jpg', { maxPixels: 1000 }, 'image-too-large'],
])('refuses as this process does: %s', async (name, decode, code) => {
  const decoder = makeDecoder({}, decode);
  await expect(decoder.preprocess(imageBytes(name), SIZE)).rejects.toMatchObject({ name: 'CairnError', code });
  const pid = pidOf(decoder);
  expect(pid).toBeDefined();
  await works(makeDecoder());
});

describe('an image that takes more than it may', () => {
  test.each([
    ['CPU time', { cpuMs: 300 }, 'more than 0.3 s of CPU time'],
    ['memory', { maxBytes: 1 << 20 }, 'more than 1 MiB of memory'],
    ['time', { timeoutMs: 1500 }, 'not been decoded after 1.5 s'],
  ])('of %s is given up, and the next one is decoded', async (_, limits, message) => {
    const decoder = makeDecoder(limits);
    const given = decoder.preprocess(slow, SIZE);
    const code = 'image-decode-limit';
    await expect(given).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    await works(makeDecoder());
  });

  test('leaves neither its process behind nor what waits for it', async () => {
    const decoder = makeDecoder({ cpuMs: 1000 });
    decoder.start();
    const first = pidOf(decoder)!;
    const given = decoder.preprocess(slow, SIZE);
    const next = works(decoder);
    await expect(given).rejects.toMatchObject({ code: 'image-decode-limit' });
    await next;
    expect(pidOf(decoder)).not.toBe(first);
    expect(() => process.kill(first, 0)).toThrow('ESRCH');
  });
});

test('an image that is cancelled is not decoded to its end', async () => {
  const decoder = makeDecoder({ cpuMs: 1e6 });
  const stop = new AbortController();
  const given = decoder.preprocess(slow, SIZE, stop.signal);
  const next = works(decoder);
  stop.abort();
  await expect(given).rejects.toMatchObject({ code: 'cancelled' });
  await next;
});

test('a decoder that is ended is replaced, and its image tried again once', async () => {
  const decoder = makeDecoder({ cpuMs: 1e6 });
  await works(decoder);
  process.kill(pidOf(decoder)!, 'SIGKILL');
  await works(decoder);
  let killed: number | undefined;
  const given = decoder.preprocess(slow, SIZE);
  for (const times of [1, 2]) {
    await until(() => pidOf(decoder) !== undefined && pidOf(decoder) !== killed);
    killed = pidOf(decoder)!;
    process.kill(killed, 'SIGKILL');
    expect(times).toBeLessThan(3);
  }
  const message = 'The decoder dies of this image: it was ended by SIGKILL.';
  await expect(given).rejects.toMatchObject({ code: 'image-decode-crash', message });
  await works(decoder);
});

test('it sees no secrets of the environment', async () => {
  process.env['REDIS_URL'] = 'redis://:secret@nowhere';
  const decoder = makeDecoder();
  await works(decoder);
  const path = `/proc/${pidOf(decoder)}/environ`;
  // Only Linux shows it.
  const seen = process.platform === 'linux' ? readFileSync(path, 'utf8') : '';
  expect(seen).not.toContain('secret');
  delete process.env['REDIS_URL'];
});

test('closing ends its process, twice or before it began', async () => {
  const decoder = makeDecoder();
  await works(decoder);
  const pid = pidOf(decoder)!;
  await decoder.close();
  await decoder.close();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await expect(decoder.preprocess(tiny, SIZE)).rejects.toMatchObject({ code: 'image-decode-crash' });
  await new Decoder().close();
});
