import { afterEach } from '@jest/globals';
import type { CompileOptions, Session } from '../../src/backbone/engine/engine.js';
import { createEngine } from '../../src/backbone/engine/engines.js';
import { LEVEL_NAMES, type Graph } from '../../src/backbone/graph/graph.js';
import type { Level } from '../../src/backbone/tensor.js';
import type { Weights } from '../../src/backbone/weights/weights.js';
import { randomNumbers } from './tensors.js';

/** Side of the canvas that graphs of a few layers are compiled for. */
export const SIZE = 64;

/** Compiles with the engine called `name`, for `device`; after each test the sessions are gone that it has not disposed of. */
export function engineUnderTest(name: string, device: string) {
  const sessions = new Set<Session>();
  afterEach(async () => {
    for (const session of sessions) await session.dispose();
    sessions.clear();
  });
  return async (graph: Graph, weights: Weights, options: Partial<CompileOptions> = {}): Promise<Session> => {
    const outputs = LEVEL_NAMES.filter((level) => graph.outputs[level]);
    const defaults = { outputs, dtype: 'float32', size: SIZE, device, threads: 1 } as const;
    const engine = await createEngine(name);
    const session = await engine.compile(graph, weights, { ...defaults, ...options });
    sessions.add(session);
    const dispose = async () => {
      sessions.delete(session);
      await session.dispose();
    };
    return { device: session.device, run: (images, batch) => session.run(images, batch), dispose };
  };
}

export async function runOne(session: Session, images: Uint8Array): Promise<Level[]> {
  return (await session.run(images, 1))[0]!;
}

/** Random pixels of one image; the same for the same seed. */
export function pixels(seed: number): Uint8Array {
  const random = randomNumbers(seed);
  return new Uint8Array(SIZE * SIZE * 3).map(() => Math.floor(random() * 256));
}

/** One image that is black but for the red of one pixel. */
export function pixelAt(place: number): Uint8Array {
  const image = new Uint8Array(SIZE * SIZE * 3);
  image[place * 3] = 255;
  return image;
}
