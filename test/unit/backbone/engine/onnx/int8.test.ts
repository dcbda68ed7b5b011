import { describe, expect, test } from '@jest/globals';
import { fidelity } from '../../../../../src/backbone/calibration/fidelity.js';
import type { CompileOptions } from '../../../../../src/backbone/engine/engine.js';
import { Plan } from '../../../../../src/backbone/engine/plan.js';
import { QuantizedValues } from '../../../../../src/backbone/engine/quantized-values.js';
import type { Graph, OutputName } from '../../../../../src/backbone/graph/graph.js';
import { LARGEST_UINT8, type Range } from '../../../../../src/backbone/quantization.js';
import type { Level } from '../../../../../src/backbone/tensor.js';
import { groupNormGraph, preactivationGraph, randomWeights, tinyGraph } from '../../../../support/graphs.js';
import { pixels, SIZE } from '../../../../support/engine-under-test.js';
import { useTypedArraysOfTheProcess } from '../../../../support/outer-realm.js';
import { numbersOf } from '../../../../support/tensors.js';

useTypedArraysOfTheProcess();
const { OnnxEngine } = await import('../../../../../src/backbone/engine/onnx/onnx-engine.js');
const { chooseRanges } = await import('../../../../../src/backbone/calibration/choose-ranges.js');

const engine = new OnnxEngine();
const IMAGES = [1, 2, 3, 4].map((seed) => () => Promise.resolve(Uint8Array.from(pixels(seed))));

describe.each([
  ['post-activation', tinyGraph()],
  ['pre-activation', preactivationGraph()],
  ['group norms', groupNormGraph()],
])('an integer network, %s', (_, graph: Graph) => {
  const weights = randomWeights(graph);
  const outputs = (Object.keys(graph.outputs) as OutputName[]).filter((name) => name !== 'top');
  const base = { outputs, size: SIZE, device: 'cpu', threads: 1, dtype: 'float32' } as const;
  const chosen = chooseRanges(graph, weights, IMAGES, base);
  const ranges = async (): Promise<Record<string, Range>> =>
    Object.fromEntries(Object.entries((await chosen).ranges).map(([name, { min, max }]) => [name, [min, max]]));
  const run = async (options: Partial<CompileOptions>, image = pixels(9)): Promise<readonly Level[]> => {
    const session = await engine.compile(graph, weights, { ...base, ranges: await ranges(), ...options });
    try {
      return (await session.run(image, 1))[0]!;
    } finally {
      await session.dispose();
    }
  };

  test('gives what the float network gives, but for the noise of 8 bits', async () => {
    const float = await run({ precision: 'float32' });
    const integer = await run({ precision: 'int8' });
    float.forEach(({ tensor }, i) => {
      const { cosine, snrDb } = fidelity(
        Float32Array.from(numbersOf(tensor)),
        Float32Array.from(numbersOf(integer[i]!.tensor)),
      );
      expect(cosine).toBeGreaterThan(0.995);
      expect(snrDb).toBeGreaterThan(20);
      expect(snrDb).toBeLessThan(60);
    });
  });

  test('its integers leave as they are: decoded they are its float levels, in either layout', async () => {
    const floats = await run({ precision: 'int8' });
    const integers = await run({ precision: 'int8', dtype: 'uint8' });
    integers.forEach(({ tensor }, i) => {
      const { scale, zeroPoint } = tensor.quantization!;
      const decoded = Float32Array.from(tensor.data, (q) => Math.fround(scale * (q - zeroPoint)));
      expect(decoded).toEqual(Float32Array.from(numbersOf(floats[i]!.tensor)));
    });
    const planar = await run({ precision: 'int8', dtype: 'uint8', layout: 'nchw' });
    const [, , channels] = integers[0]!.tensor.shape as [number, number, number];
    const [height, width] = integers[0]!.tensor.shape as [number, number, number];
    const transposed = Uint8Array.from({ length: planar[0]!.tensor.data.length }, (_, at) => {
      const [c, rest] = [Math.floor(at / (height * width)), at % (height * width)];
      return integers[0]!.tensor.data[rest * channels + c]!;
    });
    expect(new Uint8Array(planar[0]!.tensor.data)).toEqual(transposed);
  });

  test('levels of a float network are quantised by their own range', async () => {
    const [float] = await run({ precision: 'float32', outputs: [outputs[0]!] });
    const values = numbersOf(float!.tensor);
    const [own] = await run({ dtype: 'uint8', outputs: [outputs[0]!] });
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    expect(own!.tensor.quantization!.scale).toBeCloseTo((high - low) / LARGEST_UINT8, 6);
    const { scale, zeroPoint } = own!.tensor.quantization!;
    const [least, most] = [-scale * zeroPoint, scale * (LARGEST_UINT8 - zeroPoint)];
    own!.tensor.data.forEach((q, i) => {
      const clipped = Math.min(Math.max(values[i]!, least), most);
      expect(Math.abs(scale * (q - zeroPoint) - clipped)).toBeLessThanOrEqual(scale * 0.501);
    });
  });

  test('the ranges of fewer levels do not do', async () => {
    const [first] = new QuantizedValues(new Plan(graph, outputs, SIZE)).observed();
    const known = Object.fromEntries(Object.entries(await ranges()).filter(([name]) => name !== first));
    await expect(run({ precision: 'int8', ranges: known })).rejects.toMatchObject({ code: 'calibration-incomplete' });
  });
});

test('without ranges there is no integer network', async () => {
  const graph = tinyGraph();
  const options = {
    outputs: ['C1'],
    size: SIZE,
    device: 'cpu',
    threads: 1,
    dtype: 'float32',
    precision: 'int8',
  } as const;
  await expect(engine.compile(graph, randomWeights(graph), options)).rejects.toMatchObject({
    code: 'calibration-missing',
  });
});
