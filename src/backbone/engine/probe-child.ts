/** Entry of the process that probes a device: `probe-child ENGINE DEVICE`; sends one `ProbeResult`. */
import { asCairnError } from '../../errors.js';
import { resnetGraph } from '../graph/resnet-graph.js';
import { loadWeights } from '../weights/weights.js';
import type { Level } from '../tensor.js';
import { createEngine } from './engines.js';
import type { ProbeResult } from './probe-device.js';

const SIZE = 64;
/** Half of float16's mantissa: devices that compute in tf32 or float16 pass. */
const TOLERANCE = 1e-2;

async function run(engineName: string, device: string): Promise<Float32Array> {
  const graph = resnetGraph('resnet18', false);
  const [engine, weights] = await Promise.all([createEngine(engineName), loadWeights('seeded', graph)]);
  const options = { outputs: ['C4'], dtype: 'float32', size: SIZE, threads: 1 } as const;
  const session = await engine.compile(graph, weights, { ...options, device });
  const pixels = Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b9) >>> 24);
  const [[level]] = (await session.run(pixels, 1)) as [[Level]];
  const { buffer, byteOffset, byteLength } = level.tensor.data;
  const values = new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT).slice();
  await session.dispose();
  return values;
}

async function probe(engine: string, device: string): Promise<ProbeResult> {
  try {
    const values = await run(engine, device);
    const expected = await run('onnx', 'cpu');
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i]!)), 0) / largest;
    return error <= TOLERANCE
      ? { proven: true, error }
      : {
          proven: false,
          reason: `its numbers differ from the CPU's by ${error.toExponential(1)} of the largest value`,
        };
  } catch (error) {
    return { proven: false, reason: asCairnError(error).message };
  }
}

const [engine, device] = process.argv.slice(2) as [string, string];
const result = await probe(engine, device);
process.send?.(result, () => process.exit(0));
