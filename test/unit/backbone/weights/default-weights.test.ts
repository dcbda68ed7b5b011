import { describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultWeights } from '../../../../src/backbone/weights/default-weights.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const tempDir = useTempDirs();

describe('defaultWeights', () => {
  test('takes the file that bears the name of the model, HDF5 before safetensors', async () => {
    const folder = await tempDir();
    const [hdf5, safetensors] = [join(folder, 'net.h5'), join(folder, 'net.safetensors')];
    await writeFile(safetensors, '');
    expect(await defaultWeights('net', folder)).toBe(safetensors);
    await writeFile(hdf5, '');
    expect(await defaultWeights('net', folder)).toBe(hdf5);
  });

  test('falls back to seeded weights without a file of that name, or without the folder', async () => {
    const folder = await tempDir();
    await writeFile(join(folder, 'other.h5'), '');
    expect(await defaultWeights('net', folder)).toBe('seeded');
    expect(await defaultWeights('net', join(folder, 'absent'))).toBe('seeded');
  });
});
