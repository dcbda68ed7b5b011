import { describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tellFileKind } from '../../../../src/backbone/weights/file-kind.js';
import { openWeights } from '../../../../src/backbone/weights/weights.js';
import { fixtureTensors } from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { safetensorsBytes, withHeader } from '../../../support/safetensors-bytes.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { zipBytes } from '../../../support/zip-bytes.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

async function write(bytes: Uint8Array, name = 'weights'): Promise<string> {
  const path = join(await tempDir(), name);
  await writeFile(path, bytes);
  return path;
}

const fixture = (name: string) => fixturePath(`weights/${name}`);

describe('tellFileKind', () => {
  test.each([
    ['keras2.h5', 'hdf5'],
    ['keras3.weights.h5', 'hdf5'],
    ['numpy.npz', 'zip'],
    ['torch.pth', 'zip'],
    ['torch.safetensors', 'safetensors'],
    ['torch-legacy.pth', 'torch'],
    ['pickled-4.pkl', 'pickle'],
    ['slim.ckpt.index', 'tensorflow'],
    ['slim.ckpt.data-00000-of-00001', 'tensorflow'],
  ])('%s is %s', async (name, kind) => {
    expect(await tellFileKind(fixture(name))).toBe(kind);
  });

  test('by its bytes, whatever its name', async () => {
    expect(await tellFileKind(await write(await readFile(fixture('keras2.h5')), 'weights.meta'))).toBe('hdf5');
    expect(await tellFileKind(await write(await readFile(fixture('slim.ckpt.index'))))).toBe('tensorflow');
  });

  test('a safetensors header may be as long as a pickle’s first bytes say', async () => {
    const tensors = fixtureTensors();
    for (const length of [0x0280, 0x0480, 0x8b1f, 0x4b50]) {
      const { length: least } = JSON.stringify({ __metadata__: { a: '' } });
      const start = safetensorsBytes(tensors, { a: '' }).readUInt32LE() - least;
      const bytes = safetensorsBytes(tensors, { a: 'x'.repeat(length - start - least) });
      expect(bytes.readUInt32LE()).toBe(length);
      expect(await tellFileKind(await write(bytes))).toBe('safetensors');
    }
  });

  test.each([
    ['an empty file', Buffer.alloc(0), 'safetensors'],
    ['text', Buffer.from('not weights'), 'safetensors'],
    ['an empty zip', zipBytes([]), 'zip'],
    ['gzip', Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), 'gzip'],
    ['tar', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0'), Buffer.alloc(249)]), 'tar'],
    ['a pickle of protocol 2', Buffer.from('\x80\x02}q\x00.', 'latin1'), 'pickle'],
    ['a header that is no pickle', withHeader('{}', undefined, 0x680n), 'safetensors'],
  ] as const)('%s', async (_, bytes, kind) => {
    expect(await tellFileKind(await write(bytes))).toBe(kind);
  });

  test('meta graphs are told by their names', async () => {
    expect(await tellFileKind(await write(Buffer.of(10, 2, 8, 1), 'model.ckpt.meta'))).toBe('tensorflow');
  });
});

describe('files that are not read say how to make one that is', () => {
  test.each([
    ['slim.ckpt.index', /TensorFlow checkpoint.*load_checkpoint\('slim\.ckpt'\).*np\.savez\('slim\.ckpt\.npz'/],
    ['slim.ckpt.data-00000-of-00001', /load_checkpoint\('slim\.ckpt'\)/],
  ])('%s', async (name, reason) => {
    await expect(openWeights(fixture(name), fixtureGraph())).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(reason),
    });
  });

  const member = (name: string) => ({ name, data: Buffer.from('x') });
  test.each([
    ['net.keras', zipBytes(['metadata.json', 'config.json', 'model.weights.h5'].map(member)), /'net\.weights\.h5'/],
    ['net.zip', zipBytes([member('readme.txt')]), /a zip without arrays of numpy/],
    ['net.zip', zipBytes([]), /a zip without arrays of numpy/],
    ['net.tar.gz', Buffer.of(0x1f, 0x8b, 8, 0), /compressed by gzip; unpack it/],
  ])('%s', async (name, bytes, reason) => {
    await expect(openWeights(await write(bytes, name), fixtureGraph())).rejects.toMatchObject({
      code: 'weights-unreadable',
      message: expect.stringMatching(reason),
    });
  });
});
