/** Entry of the process that probes a device: `probe-child ENGINE DEVICE [timed]`; sends one `ProbeResult`. */
import { availableParallelism } from 'node:os';
import { asCairnError } from '../../errors.js';
import { resnetGraph } from '../graph/resnet-graph.js';
import type { Level } from '../tensor.js';
import { loadWeights } from '../weights/weights.js';
import type { Engine, Session } from './engine.js';
import { createEngine } from './engines.js';
import type { ProbeResult } from './probe-device.js';

const SIZE = 64;
/** Half of float16's mantissa: devices that compute in tf32 or float16 pass. */
const TOLERANCE = 1e-2;
/** Families of both orders of the channels, since a device may lack an operation of the way in. */
const PROBED = ['torchvision', 'keras'] as const;
/** Large enough that a GPU shows what it can do, small enough for one made of software. */
const TIMED = { architecture: 'resnet50', family: 'torchvision', size: 256 } as const;

interface Network {
  readonly architecture: string;
  readonly family: (typeof PROBED)[number];
  readonly size: number;
}

async function compile(engine: Engine, device: string, { architecture, family, size }: Network): Promise<Session> {
  const graph = resnetGraph(architecture, false, { family });
  const weights = await loadWeights('seeded', graph);
  const options = { outputs: ['C4'], dtype: 'float32', size, threads: availableParallelism() } as const;
  return engine.compile(graph, weights, { ...options, device });
}

function noise(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b9) >>> 24);
}

async function run(engine: Engine, device: string, family: Network['family']): Promise<Float32Array> {
  const session = await compile(engine, device, { architecture: 'resnet18', family, size: SIZE });
  const [[level]] = (await session.run(noise(SIZE), 1)) as [[Level]];
  const { buffer, byteOffset, byteLength } = level.tensor.data;
  const values = new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT).slice();
  await session.dispose();
  return values;
}

/** Milliseconds of the second run: the first compiles kernels and chooses algorithms. */
async function timeRun(engine: Engine, device: string): Promise<number> {
  const session = await compile(engine, device, TIMED);
  await session.run(noise(TIMED.size), 1);
  const images = noise(TIMED.size);
  const begun = performance.now();
  await session.run(images, 1);
  const elapsed = performance.now() - begun;
  await session.dispose();
  return elapsed;
}

async function probe(engineName: string, device: string, timed: boolean): Promise<ProbeResult> {
  try {
    const [engine, reference] = await Promise.all([createEngine(engineName), createEngine('onnx')]);
    let error = 0;
    for (const family of PROBED) {
      const values = await run(engine, device, family);
      const expected = await run(reference, 'cpu', family);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i]!)), 0) / largest;
      // Written so that NaN fails.
      if (!(difference <= TOLERANCE)) {
        const reason = `its numbers differ from the CPU's by ${difference.toExponential(1)} of the largest value`;
        return { proven: false, reason };
      }
      error = Math.max(error, difference);
    }
    if (!timed) return { proven: true, error };
    return { proven: true, error, timeOverCpu: (await timeRun(engine, device)) / (await timeRun(reference, 'cpu')) };
  } catch (error) {
    return { proven: false, reason: asCairnError(error).message };
  }
}

const [engine, device, timed] = process.argv.slice(2) as [string, string, 'timed'?];
const result = await probe(engine, device, timed === 'timed');
process.send?.(result, () => process.exit(0));
