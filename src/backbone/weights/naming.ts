import type { FamilyName } from '../graph/families.js';
import type { Graph, GraphNode, ParameterName } from '../graph/graph.js';
import { numberedVariables } from './keras-variables.js';
import type { Layout } from './layout.js';
import type { WeightsEntry } from './weights-reader.js';

/** One convention for the names of the tensors in a file. */
export interface Naming {
  readonly layout: Layout;
  /** The names that a parameter of `node` may have in a file, the usual one first. */
  names(node: GraphNode, parameter: ParameterName): readonly string[];
  /** The names under which the tensor at `path` is found, the most certain first; none when it is not a parameter. */
  keys(path: string): readonly string[];
  /** The layer of the tensor at `path`, as the file names it. */
  layerOf(path: string): string;
}

type Words = Readonly<Record<ParameterName, string>>;

/** Keras' names of parameters, which are those of graphs. */
const KERAS_WORDS = {
  kernel: 'kernel',
  bias: 'bias',
  gamma: 'gamma',
  beta: 'beta',
  moving_mean: 'moving_mean',
  moving_variance: 'moving_variance',
} as const satisfies Words;
export const PARAMETER_NAMES = Object.keys(KERAS_WORDS) as ParameterName[];
/** Keras 1 had other ones, and its `running_std` held the variance. */
const PARAMETERS: Readonly<Record<string, ParameterName>> = {
  ...KERAS_WORDS,
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

/**
 * Keras, in all its layouts (see `kerasKeys`), and the names of hand-written files: `<layer>/<parameter>` or `<layer>.<parameter>`, kernels HWIO.
 */
const KERAS: Naming = {
  layout: 'hwio',
  names: ({ name }, parameter) => [`${name}/${parameter}`],
  keys: kerasKeys,
  layerOf: kerasLayer,
};

const TORCH_WORDS: Words = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};
const SLIM_WORDS: Words = { ...KERAS_WORDS, kernel: 'weights', bias: 'biases' };

/** Where a backbone stands in a file: the model around it, and its place in that model. */
interface Place {
  /** A prefix of every name in the file. */
  readonly around?: string;
  readonly prefix: string;
}

/**
 * `around + prefix + layer + separator + word`. The classifier of a backbone may stand outside the backbone, and
 * a pyramid beside it; newer versions of torchvision wrap the pyramid's convolutions once more (`.0`).
 */
function plain(layout: Layout, separator: string, words: Words, { around = '', prefix }: Place): Naming {
  const beside = around + prefix.replace(/[^./]+[./]$/, '');
  return {
    layout,
    names: ({ name, block }, parameter) => {
      const bare = name + separator + words[parameter];
      if (block === 'fpn') return [`${beside}${name}${separator}0${separator}${words[parameter]}`, beside + bare];
      return block === 'top' && prefix ? [around + prefix + bare, around + bare] : [around + prefix + bare];
    },
    keys: (path) => [path],
    layerOf: (path) => path.slice(0, Math.max(0, path.lastIndexOf(separator))) || path,
  };
}

/** What wraps a whole model, by its prefix: `DataParallel` and averages of weights, Lightning, `torch.compile`. */
const TORCH_WRAPPERS = ['', 'module.', 'model.', '_orig_mod.', 'module._orig_mod.'];

/**
 * `state_dict()` of PyTorch modules; `prefixes` are those under which published models keep their backbone.
 */
function torch(...prefixes: string[]): Naming[] {
  return TORCH_WRAPPERS.flatMap((around) =>
    prefixes.map((prefix) => plain('oihw', '.', TORCH_WORDS, { around, prefix })),
  );
}

/** Variables of a TensorFlow checkpoint that was written by TF-Slim; `scopes` are those of enclosing models. */
function slim(...scopes: string[]): Naming[] {
  return scopes.map((prefix) => plain('hwio', '/', SLIM_WORDS, { prefix }));
}

/** Keras 3's own files without layer names; the graph must be a model of `keras.applications`. */
function numbered(graph: Graph): Naming {
  return {
    layout: 'hwio',
    names: numberedVariables(graph),
    keys: (path) => [path],
    layerOf: (path) => path.replace(/\/vars\/\d+$/, ''),
  };
}

type Choice = (graph: Graph) => readonly Naming[];
const KERAS_ONLY: Choice = () => [KERAS];
const APPLICATIONS: Choice = (graph) => [KERAS, numbered(graph)];

const TORCHVISION_DETECTION: Choice = () => [...torch('backbone.body.', 'body.', '', 'backbone.'), KERAS];
const DETECTRON2: Choice = () => [...torch('backbone.bottom_up.', 'bottom_up.', ''), KERAS];

/** The conventions of a family's weights, the most common first; Keras' only, where a family is not listed. */
const CONVENTIONS: Readonly<Partial<Record<FamilyName, Choice>>> = {
  keras: APPLICATIONS,
  'keras-v2': APPLICATIONS,
  'slim-v2': () => [...slim('', 'model/', 'module/'), KERAS],
  torchvision: () => [...torch('', 'backbone.', 'backbone.body.', 'body.'), KERAS],
  'torchvision-detection': TORCHVISION_DETECTION,
  'torchvision-detection-v2': TORCHVISION_DETECTION,
  detectron2: DETECTRON2,
  'detectron2-bn': DETECTRON2,
  'detectron2-gn': DETECTRON2,
};

/** The conventions that a file for this graph may follow. */
export function namingsOf(graph: Graph): readonly Naming[] {
  const choices: Readonly<Partial<Record<string, Choice>>> = CONVENTIONS;
  return (choices[graph.family] ?? KERAS_ONLY)(graph);
}

/** Finds the tensor of a parameter among the entries of a file, by one convention. */
type TensorIndex = (node: GraphNode, parameter: ParameterName) => WeightsEntry | undefined;

/**
 * A name of a better rank wins over a worse one; two tensors with one name at the same rank are
 * ambiguous, and neither is found.
 */
export function indexTensors(entries: readonly WeightsEntry[], naming: Naming): TensorIndex {
  const ranks: Map<string, WeightsEntry | undefined>[] = [];
  for (const entry of entries) {
    for (const [rank, key] of naming.keys(entry.path).entries()) {
      const index = (ranks[rank] ??= new Map<string, WeightsEntry | undefined>());
      index.set(key, index.has(key) ? undefined : entry);
    }
  }
  const find = (name: string) => ranks.find((index) => index.has(name))?.get(name);
  return (node, parameter) => {
    for (const name of naming.names(node, parameter)) {
      const entry = find(name);
      if (entry) return entry;
    }
    return undefined;
  };
}
