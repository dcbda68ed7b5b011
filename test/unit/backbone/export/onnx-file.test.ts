import { describe, expect, test } from '@jest/globals';
import type { InferenceSession } from 'onnxruntime-node';
import type { Graph, OutputName } from '../../../../src/backbone/graph/graph.js';
import type { Range } from '../../../../src/backbone/quantization.js';
import type { TensorFormat, Precision } from '../../../../src/backbone/tensor.js';
import { engineUnderTest, pixels, SIZE } from '../../../support/engine-under-test.js';
import { preactivationGraph, randomWeights } from '../../../support/graphs.js';
import { useTypedArraysOfTheProcess } from '../../../support/outer-realm.js';

useTypedArraysOfTheProcess();
const ort = await import('onnxruntime-node');
const { onnxFile } = await import('../../../../src/backbone/export/onnx-file.js');
const { chooseRanges } = await import('../../../../src/backbone/calibration/choose-ranges.js');

const graph: Graph = preactivationGraph();
const weights = randomWeights(graph);
const levels = (Object.keys(graph.outputs) as OutputName[]).filter((name) => name !== 'top');
const BATCH = 2;
const images = Uint8Array.from([...pixels(1), ...pixels(2)]);

async function rangesOf(): Promise<Record<string, Range>> {
  const canvases = [1, 2].map((seed) => () => Promise.resolve(Uint8Array.from(pixels(seed))));
  const { ranges } = await chooseRanges(graph, weights, canvases, { outputs: levels, size: SIZE, threads: 1 });
  return Object.fromEntries(Object.entries(ranges).map(([name, { min, max }]) => [name, [min, max]]));
}

function fileOf(format: TensorFormat, precision?: Precision, ranges?: Record<string, Range>): Uint8Array {
  const common = { model: 'tiny', graph, weights, levels, size: SIZE, softwareVersion: '9.8.7' };
  return onnxFile({ ...common, ...format, precision, ranges });
}

const bytesOf = (value: InferenceSession.OnnxValueMapType[string]) => {
  const { buffer, byteOffset, byteLength } = (value as { data: Float32Array }).data;
  return Buffer.from(buffer, byteOffset, byteLength);
};

describe('an ONNX file run by ONNX Runtime', () => {
  const compile = engineUnderTest('onnx', 'cpu');

  test.each<[string, TensorFormat, Precision]>([
    ['float32', { dtype: 'float32' }, 'float32'],
    ['float32, channels first', { dtype: 'float32', layout: 'nchw' }, 'float32'],
    ['float16', { dtype: 'float16' }, 'float32'],
    ['uint8', { dtype: 'uint8' }, 'float32'],
    ['uint8 of a network of integers', { dtype: 'uint8' }, 'int8'],
    ['float16 of a network of integers', { dtype: 'float16' }, 'int8'],
  ])('gives the bits of the engine and no statistics: %s', async (_, format, precision) => {
    const ranges = precision === 'int8' ? await rangesOf() : undefined;
    const session = await compile(graph, weights, { ...format, outputs: levels, precision, ranges });
    const expected = await session.run(images.slice(), BATCH);

    const file = await ort.InferenceSession.create(fileOf(format, precision, ranges));
    const statistics = format.dtype === 'uint8' ? levels.flatMap((name) => [`${name}/scale`, `${name}/zeroPoint`]) : [];
    expect([...file.outputNames].sort()).toEqual([...levels, ...statistics].sort());
    const found = await file.run({ images: new ort.Tensor('uint8', images, [BATCH, SIZE, SIZE, 3]) });
    await file.release();
    for (const [i, name] of levels.entries()) {
      const tensors = expected.map((image) => image[i]!.tensor);
      expect(found[name]!.dims).toEqual([BATCH, ...tensors[0]!.shape]);
      expect(bytesOf(found[name]!).equals(Buffer.concat(tensors.map(({ data }) => data)))).toBe(true);
      for (const key of format.dtype === 'uint8' ? (['scale', 'zeroPoint'] as const) : []) {
        const values = [...(found[`${name}/${key}`]!.data as Float32Array)];
        expect(tensors.map(({ quantization }) => quantization![key])).toEqual(
          precision === 'int8' ? [values[0], values[0]] : values,
        );
      }
    }
  });

  test('names the model, its weights and how pixels are prepared', () => {
    const text = Buffer.from(fileOf({ dtype: 'float32' })).toString('latin1');
    for (const part of [
      '9.8.7',
      'tiny',
      weights.digest,
      levels.join(','),
      'batch,y,x,channel',
      '"channelOrder":"bgr"',
    ]) {
      expect(text).toContain(part);
    }
  });
});
