import h5wasm from 'h5wasm/node';
import { join } from 'node:path';
import { findModel, graphFor } from '../../src/backbone/catalogue.js';
import { sizeOf } from '../../src/backbone/graph/summary.js';

/** A Keras HDF5 file of zeros with the parameters that a model needs for `levels`, in the layout of Keras 2. */
export async function zeroKerasFile(folder: string, model: string, levels: readonly string[]): Promise<string> {
  await h5wasm.ready;
  const path = join(folder, `${model}.h5`);
  const file = new h5wasm.File(path, 'w');
  const layers = graphFor(findModel(model), true, levels).nodes.filter(
    ({ parameters }) => Object.keys(parameters).length > 0,
  );
  file.create_attribute(
    'layer_names',
    layers.map(({ name }) => name),
  );
  for (const { name, parameters } of layers) {
    const layer = file.create_group(name);
    const names = Object.keys(parameters).map((parameter) => `${name}/${parameter}:0`);
    layer.create_attribute('weight_names', names);
    const inner = layer.create_group(name);
    for (const [parameter, shape] of Object.entries(parameters)) {
      inner.create_dataset({ name: `${parameter}:0`, data: new Float32Array(sizeOf(shape)), shape: [...shape] });
    }
  }
  file.close();
  return path;
}
