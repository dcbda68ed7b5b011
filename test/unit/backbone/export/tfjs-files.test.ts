import { beforeAll, expect, test } from '@jest/globals';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import type * as Layers from '@tensorflow/tfjs-layers';
import { createRequire } from 'node:module';
import { createEngine } from '../../../../src/backbone/engine/engines.js';
import { loadWasm } from '../../../../src/backbone/engine/tensorflow/runtime.js';
import type { ExportRequest } from '../../../../src/backbone/export/export-request.js';
import { tfjsFiles } from '../../../../src/backbone/export/tfjs-files.js';
import { modelGraph, findModel } from '../../../../src/backbone/catalogue.js';
import type { Graph, OutputName } from '../../../../src/backbone/graph/graph.js';
import { runOne } from '../../../support/engine-under-test.js';
import { heWeights } from '../../../support/he-weights.js';
import { useHttpServers } from '../../../support/http-server.js';
import { useTypedArraysOfTheProcess } from '../../../support/outer-realm.js';
import { largestAbsolute, largestDifference, numbersOf, randomNumbers } from '../../../support/tensors.js';

useTypedArraysOfTheProcess();
const { serve } = useHttpServers();
const layers = createRequire(import.meta.url)('@tensorflow/tfjs-layers') as typeof Layers;
const SIZE = 64;

let tf: typeof TensorFlow;
beforeAll(async () => {
  ({ tf } = await loadWasm());
});

function request(model: string, levels: OutputName[]): ExportRequest & { graph: Graph } {
  const graph = modelGraph(findModel(model), true);
  const common = { dtype: 'float32', size: SIZE, softwareVersion: '9.8.7' } as const;
  return { ...common, model, graph, weights: heWeights(graph), levels };
}

/** TensorFlow.js looks for arrays by `instanceof`, and JSON that `fetch` parses is of the process's realm, not of Jest's. */
async function fetchInThisRealm(...request: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...request);
  const json = async () => JSON.parse(await response.text()) as unknown;
  return Object.defineProperty(response, 'json', { value: json });
}

// One family of each normalisation, of `Scale` layers, and of paddings that Keras lacks.
test.each(['mask-rcnn-resnet18', 'scale-resnet101', 'torchvision-resnet18'])(
  'a browser loads %s from pixels on and computes what the engine does',
  async (model) => {
    const asked = request(model, ['C2', 'C3']);
    const files = await tfjsFiles(asked);
    expect(files.length).toBeGreaterThan(1);
    const url = await serve((message, response) => {
      const file = files.find(({ name }) => `/${name}` === message.url);
      response.writeHead(file ? 200 : 404).end(file?.bytes);
    });
    const before = tf.memory().numTensors;
    const loaded = await layers.loadLayersModel(tf.io.http(`${url}/model.json`, { fetchFunc: fetchInThisRealm }));
    expect(loaded.getUserDefinedMetadata()).toMatchObject({ model, levels: 'C2,C3', strides: '{"C2":4,"C3":8}' });

    const random = randomNumbers(3);
    const image = new Uint8Array(SIZE * SIZE * 3).map(() => 256 * random());
    const options = { outputs: asked.levels, dtype: 'float32', size: SIZE, device: 'wasm', threads: 1 } as const;
    const session = await (await createEngine('tensorflow')).compile(asked.graph, asked.weights, options);
    const expected = await runOne(session, image);
    await session.dispose();
    const input = tf.tensor4d(Float32Array.from(image), [1, SIZE, SIZE, 3]);
    const found = loaded.predict(input) as TensorFlow.Tensor[];
    for (const [i, { tensor }] of expected.entries()) {
      const numbers = numbersOf(tensor);
      expect(found[i]!.shape).toEqual([1, ...tensor.shape]);
      expect(largestDifference(found[i]!.dataSync<'float32'>(), numbers)).toBeLessThan(1e-5 * largestAbsolute(numbers));
    }
    tf.dispose([input, ...found]);
    loaded.dispose();
    expect(tf.memory().numTensors).toBe(before);
  },
);

test('group norms, which TensorFlow.js has no layer for, are refused', async () => {
  await expect(tfjsFiles(request('detectron2-gn-resnet50', ['C2']))).rejects.toMatchObject({
    code: 'option-invalid',
    message: expect.stringMatching(/^stem\.conv1\.norm is a group norm.*as onnx/),
  });
});

test('what TensorFlow.js cannot return is refused', async () => {
  for (const other of [{ dtype: 'float16' }, { layout: 'nchw' }, { precision: 'int8' }] as const) {
    const refused = tfjsFiles({ ...request('mask-rcnn-resnet18', ['C2']), ...other });
    await expect(refused).rejects.toMatchObject({ code: 'option-invalid' });
  }
});
