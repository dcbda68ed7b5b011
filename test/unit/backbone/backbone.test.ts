import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Backbone } from '../../../src/backbone/backbone.js';
import { EngineThread, type ThreadedSession } from '../../../src/backbone/engine/engine-thread.js';
import type { CompileRequest } from '../../../src/backbone/engine/thread-protocol.js';
import { specFor } from '../../support/specs.js';
import { useTempDirs } from '../../support/temp-dir.js';
import type { Canvas } from '../../../src/backbone/preprocess/preprocess.js';
import type { Level } from '../../../src/backbone/tensor.js';
import { CairnError, type ErrorCode } from '../../../src/errors.js';

const tempDir = useTempDirs();
const SIZE = 64;
const canvas = (): Canvas => ({
  pixels: new Uint8Array(SIZE * SIZE * 3),
  size: SIZE,
  originalShape: [SIZE, SIZE, 3],
  window: [0, 0, SIZE, SIZE],
  scale: 1,
});
const request = (weights = 'seeded') => ({ ...specFor({ size: '64', levels: 'C2' }), weights });

interface FakeSession {
  readonly run: jest.Mock<ThreadedSession['run']>;
  readonly dispose: jest.Mock<ThreadedSession['dispose']>;
}

/** Sessions in the order in which they were compiled; what they stand for takes seconds, and is tested elsewhere. */
let compiled: FakeSession[];
let compile: jest.Spied<EngineThread['compile']>;

function fakeSession({ engine, device, weights }: CompileRequest): ThreadedSession {
  const session = {
    run: jest.fn<ThreadedSession['run']>().mockResolvedValue([[]]),
    dispose: jest.fn<ThreadedSession['dispose']>().mockResolvedValue(),
  };
  compiled.push(session);
  return { ...session, engine, device, weights: { source: weights, digest: 'd' } };
}

beforeEach(() => {
  compiled = [];
  compile = jest.spyOn(EngineThread.prototype, 'compile');
  compile.mockImplementation((options) => Promise.resolve(fakeSession(options)));
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('Backbone', () => {
  test('compiles a session at first use and keeps it', async () => {
    const backbone = new Backbone();
    const madeBy = await backbone.load(request());
    expect(madeBy).toEqual({ engine: 'onnx', device: 'cpu', weights: { source: 'seeded', digest: 'd' } });
    expect((await backbone.run(request(), canvas())).madeBy).toEqual(madeBy);
    await backbone.run(request(), canvas());
    expect(compile).toHaveBeenCalledTimes(1);
    expect(compiled[0]!.run).toHaveBeenCalledTimes(2);
    expect(compiled[0]!.run).toHaveBeenCalledWith(expect.any(Uint8Array), 1);
  });

  test('the encoding of a spec makes no other session', async () => {
    const backbone = new Backbone();
    for (const quality of [75, 90]) await backbone.load({ ...request(), ...{ codec: 'jpeg', quality } });
    expect(compile).toHaveBeenCalledTimes(1);
  });

  test('hands its options and the whole request to the engine', async () => {
    await new Backbone({ engine: 'tensorflow', device: 'wasm', threads: 3 }).load(request('seeded:4'));
    expect(compile).toHaveBeenCalledWith({
      engine: 'tensorflow',
      device: 'wasm',
      threads: 3,
      precision: 'float32',
      layout: 'nhwc',
      model: 'mask-rcnn-resnet50',
      stage5: true,
      weights: 'seeded:4',
      levels: ['C2'],
      dtype: 'float16',
      size: 64,
    });
  });

  test('hands on what is to follow the last stage', async () => {
    const top = { includeTop: true, classes: 10 };
    await new Backbone().load({ ...request(), levels: ['C5', 'top'], top });
    expect(compile).toHaveBeenCalledWith(expect.objectContaining({ top, levels: ['C5', 'top'] }));
  });

  test('a batch is one run of the session that single canvases use', async () => {
    const backbone = new Backbone();
    await backbone.load(request());
    const levels: Level[] = [];
    compiled[0]!.run.mockResolvedValueOnce([levels, levels, levels]);
    const pixels = new Uint8Array(3 * SIZE * SIZE * 3);
    expect(await backbone.runBatch(request(), pixels, 3)).toHaveLength(3);
    expect(compiled[0]!.run).toHaveBeenCalledWith(pixels, 3);
    expect(compile).toHaveBeenCalledTimes(1);
  });

  test('two that come at the same time share one compilation', async () => {
    const backbone = new Backbone();
    await Promise.all([backbone.run(request(), canvas()), backbone.run(request(), canvas())]);
    expect(compile).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['model', { model: 'mask-rcnn-resnet101' }],
    ['stage5', { stage5: 'false' }],
    ['levels', { levels: 'C3' }],
    ['dtype', { dtype: 'float32' }],
    ['size', { size: '128' }],
  ])('another %s is another session', async (_, change) => {
    const backbone = new Backbone();
    await backbone.load(request());
    const options = specFor({ size: '64', levels: 'C2', ...change });
    await backbone.load({ ...options, weights: 'seeded' });
    expect(compile).toHaveBeenCalledTimes(2);
  });

  test.each([
    ['weights', { weights: 'seeded:1' }],
    ['top', { top: { pooling: 'avg' } }],
  ] as const)('so is another %s', async (_, change) => {
    const backbone = new Backbone();
    await backbone.load(request());
    await backbone.load({ ...request(), ...change });
    expect(compile).toHaveBeenCalledTimes(2);
  });

  test('so is a weights file that was replaced', async () => {
    const weights = join(await tempDir(), 'weights.h5');
    const backbone = new Backbone();
    await writeFile(weights, 'one');
    await backbone.load(request(weights));
    await backbone.load(request(weights));
    expect(compile).toHaveBeenCalledTimes(1);
    await writeFile(weights, 'other');
    await backbone.load(request(weights));
    expect(compile).toHaveBeenCalledTimes(2);
  });

  test('beyond the limit the session that was used longest ago goes', async () => {
    const backbone = new Backbone({ maxSessions: 2 });
    for (const weights of ['a', 'b', 'a', 'c']) await backbone.load(request(weights));
    expect(compiled.map(({ dispose }) => dispose.mock.calls.length)).toEqual([0, 1, 0]);
    await backbone.load(request('a'));
    expect(compile).toHaveBeenCalledTimes(3);
  });

  test('a session that is running is not disposed of, even beyond the limit', async () => {
    const backbone = new Backbone({ maxSessions: 1 });
    await backbone.load(request('a'));
    let finish!: (levels: []) => void;
    compiled[0]!.run.mockReturnValue(new Promise((resolve) => (finish = (levels) => resolve([levels]))));
    const running = backbone.run(request('a'), canvas());
    await backbone.load(request('b'));
    expect(compiled[0]!.dispose).not.toHaveBeenCalled();
    finish([]);
    await running;
    await backbone.load(request('b'));
    expect([compiled[0]!.dispose.mock.calls.length, compiled.at(-1)!.dispose.mock.calls.length]).toEqual([1, 0]);
  });

  test('a compilation that failed is tried again by the next', async () => {
    const backbone = new Backbone();
    compile.mockRejectedValueOnce(new CairnError('weights-unreadable', 'not there'));
    await expect(backbone.load(request())).rejects.toMatchObject({ code: 'weights-unreadable' });
    await expect(backbone.load(request())).resolves.toMatchObject({ device: 'cpu' });
  });

  test.each<[ErrorCode, number]>([
    ['engine-failed', 2],
    ['features-not-finite', 1],
  ])('a run that fails as %s leaves no session behind that nobody can reach', async (code, compilations) => {
    const backbone = new Backbone();
    await backbone.load(request());
    compiled[0]!.run.mockRejectedValueOnce(new CairnError(code, 'failed'));
    await expect(backbone.run(request(), canvas())).rejects.toMatchObject({ code });
    await backbone.run(request(), canvas());
    expect(compile).toHaveBeenCalledTimes(compilations);
    expect(compiled[0]!.dispose).toHaveBeenCalledTimes(compilations - 1);
  });

  test('closes its thread, and may be closed twice', async () => {
    const close = jest.spyOn(EngineThread.prototype, 'close');
    const backbone = new Backbone();
    await backbone.close();
    await backbone.close();
    expect(close).toHaveBeenCalled();
  });
});
