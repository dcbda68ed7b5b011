import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { findModel, graphFor } from '../../src/backbone/catalogue.js';
import { withHeader } from './safetensors-bytes.js';

/** A safetensors file of zeros with the parameters that a model needs for `levels`; a hole on the disk. */
export async function zeroWeights(folder: string, model: string, levels: readonly string[]): Promise<string> {
  const { nodes } = graphFor(findModel(model), true, levels);
  let end = 0;
  const header = nodes.flatMap(({ name, parameters }) =>
    Object.entries(parameters).map(([parameter, shape]) => {
      const begin = end;
      end += 4 * shape.reduce((a, b) => a * b, 1);
      return [`${name}/${parameter}`, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const;
    }),
  );
  const path = join(folder, `${model}.safetensors`);
  const start = withHeader(JSON.stringify(Object.fromEntries(header)));
  const file = await open(path, 'w');
  try {
    await file.write(start);
    await file.truncate(start.length + end);
  } finally {
    await file.close();
  }
  return path;
}
