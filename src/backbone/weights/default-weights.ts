import { access } from 'node:fs/promises';
import { join } from 'node:path';

const EXTENSIONS = ['.h5', '.safetensors'] as const;

/** The weights file of a model in `folder` (`<model>.h5` or `<model>.safetensors`), else `seeded`. */
export async function defaultWeights(model: string, folder: string): Promise<string> {
  for (const extension of EXTENSIONS) {
    const path = join(folder, model + extension);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return 'seeded';
}
