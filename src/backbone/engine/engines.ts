import { CairnError } from '../../errors.js';
import type { Engine } from './engine.js';

/** Engines by name. Imported on demand: their runtimes are tens of megabytes. */
const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  onnx: async () => new (await import('./onnx/onnx-engine.js')).OnnxEngine(),
  tensorflow: async () => new (await import('./tensorflow/tensorflow-engine.js')).TensorFlowEngine(),
};

export const ENGINE_NAMES: readonly string[] = Object.keys(ENGINES);

/**
 * Makes the engine called `name`; `auto` is the first of the table.
 *
 * @throws CairnError `engine-unavailable` when there is no engine of that name or it cannot be loaded.
 */
export async function createEngine(name: string): Promise<Engine> {
  const wanted = name === 'auto' ? ENGINE_NAMES[0]! : name;
  if (!Object.hasOwn(ENGINES, wanted)) {
    const known = ['auto', ...ENGINE_NAMES].join(', ');
    throw new CairnError('engine-unavailable', `There is no engine "${name}"; known: ${known}.`);
  }
  try {
    return await ENGINES[wanted]!();
  } catch (cause) {
    throw new CairnError('engine-unavailable', `The engine ${wanted} cannot be loaded: ${String(cause)}`, { cause });
  }
}
