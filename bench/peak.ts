import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ModelProto } from '../src/backbone/engine/onnx/model-proto.js';

const SIDE = 1536;
const ROUNDS = 3;
let session: Promise<InferenceSession> | undefined;

/** GFLOP/s of a large float32 matrix product on the CPU, the best of a few: the most that this machine gives now. */
export async function measurePeak(threads: number): Promise<number> {
  session ??= InferenceSession.create(product(), { intraOpNumThreads: threads });
  const feeds = Object.fromEntries(
    ['a', 'b'].map((name) => [name, new Tensor('float32', new Float32Array(SIDE * SIDE).fill(0.5), [SIDE, SIDE])]),
  );
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    await (await session).run(feeds);
    best = Math.min(best, performance.now() - begun);
  }
  return (2 * SIDE ** 3) / best / 1e6;
}

function product(): Uint8Array {
  const model = new ModelProto();
  const inputs = ['a', 'b'].map((name) => model.input(name, 'float32', [SIDE, SIDE]));
  model.node('MatMul', 'c', inputs);
  model.output('c', 'float32', [SIDE, SIDE]);
  return model.encode('product');
}
