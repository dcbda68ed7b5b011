import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { publishedFor, publishedPath } from './published.js';

const EXTENSIONS = ['.h5', '.safetensors', '.npz', '.pth', '.pt', '.pkl'] as const;

/**
 * The weights file of a model in `folder`: `<model>.h5`, `.safetensors`, `.npz`, `.pth`, `.pt` or `.pkl`, put there by the
 * user, before downloaded published files; else `seeded`.
 */
export async function defaultWeights(model: string, folder: string): Promise<string> {
  const own = EXTENSIONS.map((extension) => join(folder, model + extension));
  const pulled = publishedFor(model).map((entry) => publishedPath(entry, folder));
  for (const path of [...own, ...pulled]) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return 'seeded';
}
