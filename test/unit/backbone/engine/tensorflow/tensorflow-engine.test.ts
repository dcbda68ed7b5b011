import { describe, expect, test } from '@jest/globals';
import type { Session } from '../../../../../src/backbone/engine/engine.js';
import { TensorFlowEngine } from '../../../../../src/backbone/engine/tensorflow/tensorflow-engine.js';
import { DTYPES, type Dtype } from '../../../../../src/backbone/tensor.js';
import type { OutputName } from '../../../../../src/backbone/graph/graph.js';
import { pixels, runOne, SIZE } from '../../../../support/engine-under-test.js';
import { fixtureGraph, preactivationGraph, randomWeights, redAndGreen } from '../../../../support/graphs.js';
import { useTypedArraysOfTheProcess } from '../../../../support/outer-realm.js';
import { held, runtimesHere, type RuntimeHere } from '../../../../support/tensorflow-runtimes.js';
import { numbersOf } from '../../../../support/tensors.js';

useTypedArraysOfTheProcess();

const graph = preactivationGraph();
const outputs = Object.keys(graph.outputs) as OutputName[];
const weights = randomWeights(graph);
const runtimes = await runtimesHere();

function compile(device: string, dtype: Dtype = 'float32'): Promise<Session> {
  return new TensorFlowEngine().compile(graph, weights, { outputs, dtype, size: SIZE, device, threads: 1 });
}

describe.each(runtimes)('the TensorFlow engine on $name', ({ runtime, device }) => {
  const onThis = runtime ? test : test.skip;

  onThis.each(DTYPES)('holds after fifty runs in %s what it held after one', async (dtype) => {
    const session = await compile(device!, dtype);
    await session.run(pixels(1), 1);
    const after = held(runtime!);
    for (let i = 0; i < 50; i++) await session.run(pixels(1), 1);
    expect(held(runtime!)).toEqual(after);
    await session.dispose();
  });

  onThis('holds nothing when a session is gone, however its runs ended', async () => {
    const before = held(runtime!);
    const session = await compile(device!);
    await session.run(pixels(1), 1);
    await expect(session.run(pixels(1).subarray(3), 1)).rejects.toMatchObject({ code: 'engine-failed' });
    await session.dispose();
    await session.dispose();
    expect(held(runtime!)).toEqual(before);

    const infinite = redAndGreen(Array<number>(6).fill(3e38));
    const options = { outputs: ['C1'], dtype: 'float16', size: SIZE, device: device!, threads: 1 } as const;
    const refused = await new TensorFlowEngine().compile(fixtureGraph(), infinite, options);
    await expect(refused.run(pixels(1), 1)).rejects.toMatchObject({ code: 'features-not-finite' });
    await refused.dispose();
    expect(held(runtime!)).toEqual(before);
  });

  onThis('computes in float32 and says so', async () => {
    const options = { outputs, dtype: 'float16', size: SIZE, device: device!, threads: 1 } as const;
    await expect(
      new TensorFlowEngine().compile(graph, weights, { ...options, precision: 'float16' }),
    ).rejects.toMatchObject({ code: 'option-invalid', message: expect.stringContaining('float32') });
  });
});

const [wasm, native] = runtimes as [RuntimeHere, RuntimeHere];
(native.runtime ? test : test.skip)(`sessions of two backends run at the same time: wasm, ${native.name}`, async () => {
  const sessions = await Promise.all([wasm, native, wasm].map(({ device }) => compile(device!)));
  const run = async (session: Session, seed: number) => numbersOf((await runOne(session, pixels(seed)))[0]!.tensor);
  const alone = [];
  for (const [seed, session] of sessions.entries()) alone.push(await run(session, seed));
  const before = held(native.runtime!);
  const together = await Promise.all(sessions.map((session, seed) => run(session, seed)));
  expect(together).toEqual(alone);
  expect(held(native.runtime!)).toEqual(before);
  for (const session of sessions) await session.dispose();
});
