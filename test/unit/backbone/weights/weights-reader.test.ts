import { describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitTensorPath } from '../../../../src/backbone/weights/weights-reader.js';
import { openWeights } from '../../../../src/backbone/weights/weights.js';
import { fixtureTensors, fixtureValues } from '../../../support/fixture-weights.js';
import { fixturePath } from '../../../support/fixtures.js';
import { fixtureGraph } from '../../../support/graphs.js';
import { expectNoOpenFiles } from '../../../support/open-files.js';
import { safetensorsBytes } from '../../../support/safetensors-bytes.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { testWeightsReader } from './weights-reader-conformance.js';

const tempDir = useTempDirs();
expectNoOpenFiles();

const values = fixtureValues();
const graph = fixtureGraph();

for (const layout of ['keras2', 'keras3-legacy', 'model-weights-group', 'older']) {
  const open = () => openWeights(fixturePath(`weights/${layout}.h5`), graph);
  testWeightsReader({ name: `HDF5 laid out as ${layout}`, format: 'keras-hdf5', open, values });
}

for (const [type, separator] of [
  [Float32Array, '/'],
  [Float64Array, '.'],
] as const) {
  const open = async () => {
    // The format is told by the first bytes, so the name may mislead.
    const path = join(await tempDir(), 'weights.h5');
    await writeFile(path, safetensorsBytes(fixtureTensors(type, separator)));
    return openWeights(path, graph);
  };
  testWeightsReader({ name: `safetensors of ${type.name}`, format: 'safetensors', open, values });
}

testWeightsReader({ name: 'a seed', format: 'seeded', open: () => openWeights('seeded:5', graph) });

describe('splitTensorPath', () => {
  test.each([
    ['conv1/conv1/kernel:0', 'conv1', 'kernel'],
    ['conv1/conv1/kernel', 'conv1', 'kernel'],
    ['conv1/kernel:0', 'conv1', 'kernel'],
    ['conv1/kernel', 'conv1', 'kernel'],
    ['conv1.kernel', 'conv1', 'kernel'],
    ['bn2a_branch1/bn2a_branch1/moving_variance:0', 'bn2a_branch1', 'moving_variance'],
    ['layer1.0.bn1.gamma', 'layer1.0.bn1', 'gamma'],
    ['rpn_model/rpn_conv_shared/bias:0', 'rpn_model', 'bias'],
    // Not a parameter that a graph could have: the whole name is a layer, and matches nothing.
    ['layer1.0.conv1.weight', 'layer1.0.conv1.weight', ''],
    ['kernel', 'kernel', ''],
    ['.kernel', '.kernel', ''],
  ])('%s is layer %s, parameter "%s"', (path, layer, parameter) => {
    expect(splitTensorPath(path)).toEqual({ layer, parameter });
  });
});
