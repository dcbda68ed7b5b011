import { stat } from 'node:fs/promises';

/** Changes when a file is replaced. Fails as `stat` does. */
export async function stampOf(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${path} ${size} ${mtimeMs}`;
}
