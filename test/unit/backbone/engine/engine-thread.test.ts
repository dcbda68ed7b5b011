import { afterEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { constants, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { EngineThread } from '../../../../src/backbone/engine/engine-thread.js';
import type { CompileRequest } from '../../../../src/backbone/engine/thread-protocol.js';
import { until } from '../../../integration/support/service.js';
import { builtFile } from '../../../support/fixtures.js';
import { useTempDirs } from '../../../support/temp-dir.js';
import { numbersOf } from '../../../support/tensors.js';

const SIZE = 64;
const REQUEST: CompileRequest = {
  engine: 'auto',
  device: 'cpu',
  threads: 1,
  model: 'mask-rcnn-resnet50',
  stage5: false,
  weights: 'seeded',
  // Stage 2 is all that is compiled, which keeps these tests short.
  levels: ['C1', 'C2'],
  dtype: 'float32',
  precision: 'float32',
  size: SIZE,
};

const temporaryFolder = useTempDirs();
const threads: EngineThread[] = [];
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});

function startThread(): EngineThread {
  threads.push(new EngineThread());
  return threads.at(-1)!;
}

function grey(value = 100): Uint8Array<ArrayBuffer> {
  return new Uint8Array(SIZE * SIZE * 3).fill(value);
}

/** Ends the thread as a crash would. */
async function kill(thread: EngineThread): Promise<void> {
  await (thread as unknown as { worker: Worker | undefined }).worker!.terminate();
}

describe('EngineThread', () => {
  test('says what a session was made with, and brings its outputs to this thread', async () => {
    const session = await startThread().compile(REQUEST);
    expect(session).toMatchObject({ engine: 'onnx', device: 'cpu', weights: { source: 'seeded' } });
    expect(session.weights.digest).toMatch(/^[0-9a-f]{64}$/);
    const [levels] = await session.run(grey(), 1);
    expect(levels!.map(({ name, tensor, clipped }) => [name, tensor.shape, clipped])).toEqual([
      ['C1', [16, 16, 64], false],
      ['C2', [16, 16, 256], false],
    ]);
    const values = numbersOf(levels![1]!.tensor);
    expect(values).toHaveLength(16 * 16 * 256);
    expect(new Set(values).size).toBeGreaterThan(1000);
  });

  test('takes the image away, so that nothing is copied', async () => {
    const session = await startThread().compile(REQUEST);
    const image = grey();
    const running = session.run(image, 1);
    expect(image.byteLength).toBe(0);
    expect(image.buffer.byteLength).toBe(0);
    await running;
  });

  test('an image that was taken already is refused, instead of waited for', async () => {
    const session = await startThread().compile(REQUEST);
    const image = grey();
    await session.run(image, 1);
    await expect(session.run(image, 1)).rejects.toMatchObject({ name: 'CairnError', code: 'engine-failed' });
    await expect(session.run(grey(), 1)).resolves.toHaveLength(1);
  });

  test('runs that are asked for together each get their own answer', async () => {
    const session = await startThread().compile(REQUEST);
    const run = async (value: number) => numbersOf((await session.run(grey(value), 1))[0]![0]!.tensor);
    const [dark, bright, darkAgain] = await Promise.all([run(10), run(200), run(10)]);
    expect(dark).toEqual(darkAgain);
    expect(dark).not.toEqual(bright);
  });

  test.each([
    ['weights that are not there', { weights: '/nowhere/weights.h5' }, 'weights-unreadable'],
    ['an engine that is not known', { engine: 'abacus' }, 'engine-unavailable'],
    ['an unknown device', { device: 'abacus' }, 'device-unavailable'],
    ['an unknown architecture', { model: 'mask-rcnn-resnet51' }, 'model-unknown'],
    ['an unknown family', { model: 'caffe-resnet50' }, 'model-unknown'],
    ['a family that lacks the architecture', { model: 'scale-resnet50' }, 'model-unknown'],
    ['a classifier without stage 5', { top: { includeTop: true } }, 'option-invalid'],
    ['a seed that is none', { weights: 'seeded:x' }, 'option-invalid'],
  ])('the code of a failed compilation comes through, and the thread lives on: %s', async (_, change, code) => {
    const thread = startThread();
    const before = await thread.compile(REQUEST);
    await expect(thread.compile({ ...REQUEST, ...change })).rejects.toMatchObject({ name: 'CairnError', code });
    await expect(before.run(grey(), 1)).resolves.toHaveLength(1);
  });

  test('an image of the wrong size fails its run, and the next one succeeds', async () => {
    const session = await startThread().compile(REQUEST);
    await expect(session.run(new Uint8Array(7), 1)).rejects.toMatchObject({ code: 'engine-failed' });
    await expect(session.run(grey(), 1)).resolves.toHaveLength(1);
  });

  test('a session that was disposed of does not run, and disposing twice does nothing', async () => {
    const session = await startThread().compile(REQUEST);
    await session.dispose();
    await session.dispose();
    await expect(session.run(grey(), 1)).rejects.toMatchObject({ code: 'engine-failed' });
  });

  test('after close nothing runs or compiles; what was running has run', async () => {
    const thread = startThread();
    const session = await thread.compile(REQUEST);
    const running = session.run(grey(), 1);
    await thread.close();
    await expect(running).resolves.toHaveLength(1);
    await expect(session.run(grey(), 1)).rejects.toMatchObject({ code: 'engine-restarted' });
    await expect(thread.compile(REQUEST)).rejects.toMatchObject({ code: 'engine-failed' });
    await expect(thread.close()).resolves.toBeUndefined();
  });

  test('a process that closes it in the middle of a run ends by itself, not by the native library', async () => {
    const script = join(await temporaryFolder(), 'close.mjs');
    await writeFile(
      script,
      `import { EngineThread } from '${builtFile('backbone/engine/engine-thread.js').href}';
      const session = await (globalThis.thread = new EngineThread()).compile(${JSON.stringify(REQUEST)});
      const images = () => new Uint8Array(${grey().length});
      const runs = Array.from({ length: 20 }, () => session.run(images(), 1).then(() => 'ran', ({ code }) => code));
      await thread.close();
      console.log([...new Set(await Promise.all(runs))].join());
      process.exit(0);`,
    );
    const ended = spawnSync(process.execPath, [script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect([ended.status, ended.signal, ended.stderr]).toEqual([0, null, '']);
    expect(ended.stdout.trim()).toMatch(/^ran(,engine-failed)?$/);
  });

  test('closing a thread that never started is no error', async () => {
    await expect(startThread().close()).resolves.toBeUndefined();
  });

  test('a thread that dies fails its sessions, and is started anew by the next compilation', async () => {
    const thread = startThread();
    const lost = await thread.compile(REQUEST);
    // Not in a run: what ends inside the native library ends the process.
    const rejected = expect(thread.compile(REQUEST)).rejects.toMatchObject({ code: 'engine-failed' });
    await kill(thread);
    await rejected;
    const session = await thread.compile(REQUEST);
    await expect(session.run(grey(), 1)).resolves.toHaveLength(1);
    await expect(lost.run(grey(), 1)).rejects.toMatchObject({
      code: 'engine-restarted',
      message: expect.stringContaining('has ended'),
    });
    await expect(lost.dispose()).resolves.toBeUndefined();
  });

  describe('a call that does not end', () => {
    /** A calibration that nobody ever writes: opening it blocks in the system, where no thread can be stopped. */
    async function silentFile(): Promise<string> {
      const path = join(await temporaryFolder(), 'calibration.json');
      execFileSync('mkfifo', [path]);
      return path;
    }
    test('is told so; those behind it are not to blame, and the next find a new thread', async () => {
      const hangs: number[] = [];
      let lost = 0;
      const limits = { runMs: 60_000, compileMs: 500 };
      const onHang = (unended: number) => void hangs.push(unended);
      const thread = new EngineThread({ limits, onHang, onLost: () => lost++ });
      threads.push(thread);
      const calibration = await silentFile();
      const behind = thread.compile({ ...REQUEST, calibration });
      const further = thread.compile(REQUEST);
      await expect(behind).rejects.toMatchObject({ code: 'engine-hung', message: expect.stringContaining('0.5 s') });
      await expect(further).rejects.toMatchObject({ code: 'engine-restarted' });
      expect([hangs, lost, thread.unended]).toEqual([[1], 1, 1]);
      limits.compileMs = 60_000;
      const session = await thread.compile(REQUEST);
      await expect(session.run(grey(), 1)).resolves.toHaveLength(1);
      // The call returns after all: its thread ends by itself.
      await until(async () => {
        await open(calibration, constants.O_WRONLY | constants.O_NONBLOCK).then(
          (file) => file.close(),
          () => undefined,
        );
        return thread.unended === 0;
      });
      await expect(session.run(grey(), 1)).resolves.toHaveLength(1);
    });
  });

  test('what an engine sets in the environment is set for the process, where native libraries read it', async () => {
    await startThread().compile(REQUEST);
    // Jest shows its tests a copy; children inherit what is really set.
    const seen = execFileSync(process.execPath, ['--print', 'process.env.NVIDIA_TF32_OVERRIDE'], { encoding: 'utf8' });
    expect(seen.trim()).toBe(process.env['NVIDIA_TF32_OVERRIDE'] ?? '0');
  });
});
