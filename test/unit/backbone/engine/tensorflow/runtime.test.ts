import { describe, expect, test } from '@jest/globals';
import type { Tensor1D } from '@tensorflow/tfjs-core';
import {
  loadWasm,
  nativeUnavailableReason,
  loadNative,
  runtimeVersions,
} from '../../../../../src/backbone/engine/tensorflow/runtime.js';
import { builtFile } from '../../../../support/fixtures.js';
import { useTypedArraysOfTheProcess } from '../../../../support/outer-realm.js';
import { runScript } from '../../../../support/run-script.js';
import { runtimesHere, use } from '../../../../support/tensorflow-runtimes.js';

useTypedArraysOfTheProcess();

const runtimes = await runtimesHere();
const native = runtimes.find(({ name }) => name.startsWith('native'))!;

describe.each(runtimes)('TensorFlow.js on $name', ({ runtime }) => {
  const onThis = runtime ? test : test.skip;

  onThis('computes, on the backend of that name', async () => {
    await use(runtime!);
    const { tf, backend } = runtime!;
    expect(tf.getBackend()).toBe(backend);
    const [a, b] = [tf.tensor1d([1, 2]), tf.tensor1d([3])];
    // The native backend looks at lists of tensors with functions that newer versions of Node have no more.
    const joined: Tensor1D = tf.concat([a, b]);
    expect([...joined.dataSync()]).toEqual([1, 2, 3]);
    tf.dispose([a, b, joined]);
  });
});

describe('the runtimes', () => {
  const whereNative = native.runtime ? test : test.skip;

  whereNative(`are one TensorFlow.js (${native.name})`, async () => {
    expect((await loadWasm()).tf.engine()).toBe(native.runtime!.tf.engine());
  });

  whereNative(`refuse the native library on what it does not run on (${native.name})`, () => {
    const other = native.device === 'cpu' ? 'gpu' : 'cpu';
    expect(() => loadNative(other)).toThrow(
      expect.objectContaining({ code: 'device-unavailable', message: expect.stringMatching(/sees (no|a) GPU/) }),
    );
  });

  describe(`in a thread (${native.name})`, () => {
    /** Runs `code` in a thread of a process of its own, sees the thread end, and then the process. */
    const runInThread = (code: string) => {
      const imports = `import { loadWasm, loadNative } from '${builtFile('backbone/engine/tensorflow/runtime.js').href}';`;
      const url = `data:text/javascript,${encodeURIComponent(`${imports} ${code}`)}`;
      return runScript(`
        import { once } from 'node:events';
        import { Worker } from 'node:worker_threads';
        const [status] = await once(new Worker(new URL(${JSON.stringify(url)})), 'exit');
        console.log('the thread ended with', status);`);
    };
    const load = `const { tf } = loadNative('${native.device!}');`;

    whereNative(
      'they compute',
      async () => {
        const join = 'console.log([...tf.concat([tf.tensor1d([1, 2]), tf.tensor1d([3])]).dataSync()].join());';
        const { status, stdout } = await runInThread(`${load} ${join} await loadWasm(); ${join}`);
        expect([status, ...stdout.trim().split('\n')]).toEqual([0, '1,2,3', '1,2,3', 'the thread ended with 0']);
      },
      60_000,
    );

    whereNative(
      'what the native library leaves to the end of the process is still there',
      async () => {
        const { status, stdout } = await runInThread(load);
        expect([status, stdout.trim()]).toEqual([0, 'the thread ended with 0']);
      },
      60_000,
    );
  });

  whereNative(
    `give an operation as many threads as they are told to (${native.name})`,
    async () => {
      const startedBy = async (threads: number) => {
        const script = `
          import { readdirSync } from 'node:fs';
          // An engine of another test may have set it for the process.
          delete process.env.TF_NUM_INTRAOP_THREADS;
          const count = () => readdirSync('/proc/self/task').length;
          const before = count();
          loadNative('${native.device!}', ${threads});
          console.log(count() - before);`;
        const { stdout } = await runScript(script, {
          imports: { loadNative: 'backbone/engine/tensorflow/runtime.js' },
        });
        return Number(stdout);
      };
      expect((await startedBy(9)) - (await startedBy(2))).toBe(7);
    },
    60_000,
  );

  test('say of the native library whether it is there, and how to get it', () => {
    const missing = nativeUnavailableReason();
    if (missing === undefined) expect(native.name).not.toContain('no addon');
    else {
      expect(missing).toContain('npm run engine:tensorflow');
      expect(() => loadNative('cpu')).toThrow(missing);
    }
  });

  test('know the versions of their packages', () => {
    const versions = runtimeVersions();
    expect(Object.keys(versions)).toContain('@tensorflow/tfjs-backend-wasm');
    for (const version of Object.values(versions)) expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });
});
