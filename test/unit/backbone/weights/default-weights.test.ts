import { describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultWeights } from '../../../../src/backbone/weights/default-weights.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();

describe('defaultWeights', () => {
  test('takes the file that bears the name of the model, HDF5 before safetensors before npz before pickles', async () => {
    const folder = await tempDir();
    const [hdf5, safetensors, npz] = [join(folder, 'net.h5'), join(folder, 'net.safetensors'), join(folder, 'net.npz')];
    const pickles = ['.pkl', '.pt', '.pth'].map((extension) => join(folder, `net${extension}`));
    for (const path of pickles) {
      await writeFile(path, '');
      expect(await defaultWeights('net', folder)).toBe(path);
    }
    await writeFile(npz, '');
    expect(await defaultWeights('net', folder)).toBe(npz);
    await writeFile(safetensors, '');
    expect(await defaultWeights('net', folder)).toBe(safetensors);
    await writeFile(hdf5, '');
    expect(await defaultWeights('net', folder)).toBe(hdf5);
  });

  test('takes a pulled file of the model, the whole one first, and only where no file bears its name', async () => {
    const folder = await tempDir();
    const path = (name: string) => join(folder, name);
    await writeFile(path('keras-resnet101-imagenet.h5'), '');
    expect(await defaultWeights('keras-resnet50', folder)).toBe('seeded');
    await writeFile(path('keras-resnet50-imagenet-notop.h5'), '');
    expect(await defaultWeights('keras-resnet50', folder)).toBe(path('keras-resnet50-imagenet-notop.h5'));
    await writeFile(path('keras-resnet50-imagenet.h5'), '');
    expect(await defaultWeights('keras-resnet50', folder)).toBe(path('keras-resnet50-imagenet.h5'));
    await writeFile(path('keras-resnet50.npz'), '');
    expect(await defaultWeights('keras-resnet50', folder)).toBe(path('keras-resnet50.npz'));
  });

  test('falls back to seeded weights without a file of that name, or without the folder', async () => {
    const folder = await tempDir();
    await writeFile(join(folder, 'other.h5'), '');
    expect(await defaultWeights('net', folder)).toBe('seeded');
    expect(await defaultWeights('net', join(folder, 'absent'))).toBe('seeded');
  });
});
