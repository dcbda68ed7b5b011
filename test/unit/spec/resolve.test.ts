import { describe, expect, test } from '@jest/globals';
import { stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSpec } from '../../../src/spec/feature-spec.js';
import { ModelRegistry } from '../../../src/spec/resolve.js';
import { useTempDirs } from '../../support/temp-dir.js';
import { zeroWeights } from '../../support/zero-weights.js';

const tempDir = useTempDirs();
const MODEL = 'mask-rcnn-resnet18';
const PYRAMID = ['P2', 'P3', 'P4', 'P5', 'P6'];
/** In whole seconds, which every file system keeps. */
const LONG_AGO = new Date('2020-01-01T00:00:00Z');
/** Beyond the time for which a folder is trusted to hold what it held. */
const LOOKED_AGAIN_MS = 1100;

/** Makes a file unreadable without changing its size or age: opening it again fails. */
async function spoil(path: string): Promise<void> {
  const { size } = await stat(path);
  await writeFile(path, Buffer.alloc(size, 0xff));
  await utimes(path, LONG_AGO, LONG_AGO);
}

describe('ModelRegistry', () => {
  test('reads a weights file once per state of the file, for the default levels and for the digests', async () => {
    const folder = await tempDir();
    const registry = new ModelRegistry(folder);
    const path = await zeroWeights(folder, MODEL, PYRAMID);
    await utimes(path, LONG_AGO, LONG_AGO);
    const [pyramid, backbone, whole] = [
      parseSpec({ model: MODEL }),
      parseSpec({ model: MODEL, levels: ['C4'] }),
      parseSpec({ model: MODEL, levels: ['P4'], size: 64 }),
    ];
    const before = await Promise.all([pyramid, backbone, whole].map((spec) => registry.resolve(spec)));
    expect(before[0]).toMatchObject({ spec: { levels: PYRAMID }, weights: `${MODEL}.safetensors` });
    expect(before.map(({ weightsDigest }) => weightsDigest)).toEqual([
      before[0]!.weightsDigest,
      expect.not.stringMatching(before[0]!.weightsDigest),
      before[0]!.weightsDigest,
    ]);

    await spoil(path);
    await sleep(LOOKED_AGAIN_MS);
    expect(await Promise.all([pyramid, backbone, whole].map((spec) => registry.resolve(spec)))).toEqual(before);
    // Another size asks the graph, not the file.
    const small = await registry.resolve(parseSpec({ model: MODEL, size: 64 }));
    expect(small).toMatchObject({ spec: { levels: PYRAMID }, weightsDigest: before[0]!.weightsDigest });

    const now = new Date();
    await utimes(path, now, now);
    await sleep(LOOKED_AGAIN_MS);
    await expect(registry.resolve(pyramid)).rejects.toMatchObject({ code: 'weights-unreadable' });
  });

  test('notices a file that is put into the folder, and reads an unreadable one again once it is replaced', async () => {
    const folder = await tempDir();
    const registry = new ModelRegistry(folder);
    const spec = parseSpec({ model: MODEL });
    expect(await registry.source(MODEL)).toBe('seeded');

    await writeFile(`${folder}/${MODEL}.safetensors`, 'not weights');
    await sleep(LOOKED_AGAIN_MS);
    const unreadable = { code: 'weights-unreadable', message: expect.stringContaining(`${MODEL}.safetensors`) };
    await expect(registry.resolve(spec)).rejects.toMatchObject(unreadable);
    // Clients read this; the folder is nobody's business.
    await expect(registry.resolve(spec)).rejects.toMatchObject({ message: expect.not.stringContaining(folder) });

    await zeroWeights(folder, MODEL, ['C5']);
    await sleep(LOOKED_AGAIN_MS);
    const found = await registry.resolve(spec);
    expect(found).toMatchObject({ weights: `${MODEL}.safetensors`, spec: { levels: ['C2', 'C3', 'C4', 'C5'] } });
  });
});
