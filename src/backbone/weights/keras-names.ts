import type { ParameterName } from '../graph/graph.js';

/** Keras' names of parameters, which are those of graphs. */
export const PARAMETER_NAMES = ['kernel', 'bias', 'gamma', 'beta', 'moving_mean', 'moving_variance'] as const;
/** Keras 1 had other ones, and its `running_std` held the variance. */
const PARAMETERS: Readonly<Record<string, ParameterName>> = {
  ...Object.fromEntries(PARAMETER_NAMES.map((name) => [name, name])),
  W: 'kernel',
  b: 'bias',
  running_mean: 'moving_mean',
  running_std: 'moving_variance',
};
/** `conv1_W_1` is layer `conv1`, parameter `W`: Keras 1 and the `Scale` layers repeat the layer's name. */
const LAST = new RegExp(`^(?:(.+)_)?(${Object.keys(PARAMETERS).join('|')})(?:_\\d+)?$`);

/**
 * The possible `<layer>/<parameter>` of a tensor in a Keras file, the most certain first.
 *
 * `conv1/conv1/kernel` (Keras 2 and Keras 3's legacy writer), `conv1/kernel` (older), `conv1.kernel`
 * (safetensors), `conv1/conv1_W_1` (Keras 1) and `conv1/conv1_1/kernel` (a model built twice in one
 * session) are all layer `conv1`, parameter `kernel`. Groups may be part of a layer's name
 * (`resnet_v2_50/conv1`); else the outermost is the layer, or in a nested model, `backbone/conv1/kernel`,
 * the innermost.
 */
export function kerasKeys(path: string): readonly string[] {
  const parts = path.split('/');
  const last = parts.pop()!;
  if (parts.length === 0) {
    const dot = last.lastIndexOf('.');
    const parameter = PARAMETERS[last.slice(dot + 1)];
    return dot > 0 && parameter ? [`${last.slice(0, dot)}/${parameter}`] : [];
  }
  const [, repeated, word] = LAST.exec(last) ?? [];
  if (!word || (repeated !== undefined && !parts.includes(repeated))) return [];
  return [...new Set([parts.join('/'), parts[0]!, parts.at(-1)!])].map((layer) => `${layer}/${PARAMETERS[word]!}`);
}

/** The layer that a tensor belongs to: its group, or in a nested model the group's layer. */
export function kerasLayer(path: string): string {
  const [group, ...rest] = path.split('/');
  if (rest.length === 0) return /^(.+)\.[^.]+$/.exec(path)?.[1] ?? path;
  const inner = rest.at(-2);
  // `conv1/conv1_1/kernel`: TensorFlow made the name unique, the layer is the same.
  return inner === undefined || inner.replace(/_\d+$/, '') === group ? group! : inner;
}
