import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Backbone, type SessionRequest } from '../../../src/backbone/backbone.js';
import { specFor } from '../../support/specs.js';
import type { Level } from '../../../src/backbone/tensor.js';
import { Extractor } from '../../../src/worker/extractor.js';
import { ArchiveReader } from '../../../src/features/archive-reader.js';
import { FileStore } from '../../../src/features/store/file-store.js';
import { streamLevels } from '../../../src/features/stream-levels.js';
import { loadZstd } from '../../../src/formats/zstd.js';
import { collect } from '../../support/chunks.js';
import { imageBytes } from '../../support/fixtures.js';
import { parseSafetensors } from '../../support/safetensors-bytes.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const zstd = await loadZstd();
const request: SessionRequest = { ...specFor({ size: '64', levels: 'C2,C3' }), weights: 'seeded' };

/** Long enough for one image too many to come. */
const MOMENT_MS = 50;
/** Of each level of one image; C2 is cut into bands. */
const SHAPES = { C2: [64, 64, 160], C3: [4, 4, 7] } as const;

const MADE_BY = { engine: 'e', device: 'd', weights: { source: 's', digest: 'd' } };

/** Answers, a moment after `together` canvases have come, with random levels that are views of a shared memory. */
class FakeBackbone extends Backbone {
  /** Bytes of C2 and C3 of each image, in the order in which the images came. */
  readonly answers: Buffer[][] = [];
  /** The largest batch. */
  most = 0;
  private readonly waiting: ((levels: Level[]) => void)[] = [];

  constructor(
    maxBatch: number,
    private readonly together: number,
  ) {
    super({ maxBatch });
  }

  override load(): ReturnType<Backbone['load']> {
    return Promise.resolve(MADE_BY);
  }

  override async run(): ReturnType<Backbone['run']> {
    const levels = new Promise<Level[]>((resolve) => this.waiting.push(resolve));
    if (this.waiting.length === this.together) setTimeout(() => this.answer(this.waiting.splice(0)), MOMENT_MS);
    return { levels: await levels, madeBy: MADE_BY };
  }

  private answer(batch: ((levels: Level[]) => void)[]): void {
    this.most = Math.max(this.most, batch.length);
    const outputs = Object.entries(SHAPES).map(([name, shape]) => {
      const bytes = 2 * shape[0] * shape[1] * shape[2];
      return { name, shape, bytes, memory: new Uint8Array(randomBytes(bytes * batch.length)) };
    });
    for (const [image, resolve] of batch.entries()) {
      const levels = outputs.map(({ name, shape, bytes, memory }): Level => {
        const data = memory.subarray(image * bytes, (image + 1) * bytes);
        return { name, stride: 4, tensor: { dtype: 'float16', shape, data }, clipped: false };
      });
      this.answers.push(levels.map(({ tensor }) => Buffer.from(tensor.data)));
      resolve(levels);
    }
  }
}

async function extractorOf(backbone: Backbone) {
  const store = new FileStore(await tempDir());
  return { store, extractor: new Extractor({ backbone, store, zstd, softwareVersion: '0' }) };
}

const image = { bytes: imageBytes('tiny.png'), sha256: 'ab'.repeat(32) };

describe('Extractor', () => {
  test.each(['zarr', 'safetensors'] as const)('packs as %s what each image of a batch owns of it', async (format) => {
    const backbone = new FakeBackbone(3, 3);
    const { store, extractor } = await extractorOf(backbone);
    const extracted = await Promise.all(
      [0, 1, 2].map((i) => extractor.extract(image, request, { key: `features/${i}`, format })),
    );
    for (const [i, { key }] of extracted.entries()) {
      const object = (await store.open(key))!;
      let file: Buffer;
      if (format === 'zarr') {
        const reader = await ArchiveReader.open(object, zstd);
        const { stream } = await streamLevels(reader, reader.select());
        file = await collect(stream as AsyncIterable<Uint8Array>);
      } else {
        file = await object.read(0, object.size);
        await object.close();
      }
      const { tensors } = parseSafetensors(file);
      const [c2, c3] = backbone.answers[i]!;
      expect(tensors.get('C2')!.data.equals(c2!)).toBe(true);
      expect(tensors.get('C3')!.data.equals(c3!)).toBe(true);
    }
    expect(backbone.answers[0]![0]!.equals(backbone.answers[1]![0]!)).toBe(false);
  });

  test.each([
    [1, 1],
    [2, 4],
    [4, 8],
  ])('with batches of %i, %i images are run at once and no more', async (maxBatch, together) => {
    const backbone = new FakeBackbone(maxBatch, together);
    const { extractor } = await extractorOf(backbone);
    const extracting = Array.from({ length: 8 }, (_, i) => extractor.extract(image, request, { key: `features/${i}` }));
    await Promise.all(extracting);
    expect([backbone.most, backbone.answers.length]).toEqual([together, 8]);
  });

  test('weights that are not those of the caller are found before the network runs', async () => {
    const backbone = new FakeBackbone(1, 1);
    const { extractor } = await extractorOf(backbone);
    const other = extractor.extract(image, request, { key: 'features/1', weightsDigest: 'other' });
    await expect(other).rejects.toMatchObject({ code: 'weights-changed' });
    expect(backbone.answers).toHaveLength(0);
  });

  test('an image that was cancelled while it waited for its turn does not run', async () => {
    const backbone = new FakeBackbone(1, 1);
    const { extractor } = await extractorOf(backbone);
    const first = extractor.extract(image, request, { key: 'features/1' });
    const aborted = extractor.extract(image, request, { key: 'features/2', signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
    await first;
    expect(backbone.answers).toHaveLength(1);
  });
});
