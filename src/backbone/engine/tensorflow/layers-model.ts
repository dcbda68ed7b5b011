import { createRequire } from 'node:module';
import type * as Layers from '@tensorflow/tfjs-layers';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import { CairnError } from '../../../errors.js';
import type { Graph, GraphNode, Margins, OutputName, Padding } from '../../graph/graph.js';
import type { Normalization } from '../../graph/normalization.js';
import type { Weights } from '../../weights/weights.js';
import { nodesFor } from '../plan.js';
import { groupNorm } from './group-norm.js';

const load = createRequire(import.meta.url);

/** Kernels are replaced by weights; the default initialiser would draw millions of random numbers first. */
const REPLACED = 'zeros';

/** Name of the layer by which a stand-alone model normalises pixels. */
const NORMALIZED = 'normalized';

/** What a model of TensorFlow.js returns and reads. */
export interface LayersModelOptions {
  /** What the model returns, in this order; layers that none of these needs are left out. */
  readonly outputs?: readonly OutputName[];
  /**
   * A model that other programs load without any code of ours: it reads pixels, RGB of 0–255, and normalises them in a layer
   * of its own, and a layer that TensorFlow.js lacks (`Scale`) is a batch norm of unit statistics. A group norm is refused.
   */
  readonly standalone?: boolean;
}

/**
 * The network as a model of TensorFlow.js, layer by layer and under its published names, for
 * `model.summary()` or `model.predict()`. Input: float32 `[batch, height, width, 3]`, already
 * normalised (see `graph.input.normalization`), of any size; outputs: the graph's outputs in their
 * order, `C1` first, and the last layer where it is none of them (the final norm of pre-activation
 * networks). The engine folds norms; here they stay.
 *
 * A padding that Keras cannot express (PyTorch's numbers) becomes a layer of its own, `<name>_pad`.
 * The model lives on the current backend of TensorFlow.js (see `loadWasm` and `loadNative`); the caller disposes
 * of it.
 */
export function toLayersModel(
  graph: Graph,
  weights: Weights,
  { outputs: wanted, standalone = false }: LayersModelOptions = {},
): Layers.LayersModel {
  const tf = load('@tensorflow/tfjs-core') as typeof TensorFlow;
  const layers = load('@tensorflow/tfjs-layers') as typeof Layers;
  const input = layers.input({ name: graph.input.name, shape: [null, null, graph.input.channels] });
  const first = standalone ? (normalizationLayer(layers).apply(input) as typeof input) : input;
  const values = new Map<string, Layers.SymbolicTensor>([[graph.input.name, first]]);

  const nodes = wanted ? nodesFor(graph, wanted) : graph.nodes;
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => values.get(name)!);
    const [x] = inputs as [Layers.SymbolicTensor];
    values.set(node.name, applyNode(layers, node, x, inputs, standalone));
  }
  const ends = new Set(
    wanted
      ? wanted.map((name) => graph.outputs[name]!.node)
      : [...Object.values(graph.outputs).map(({ node }) => node), graph.nodes.at(-1)!.name],
  );
  const outputs = [...ends].map((name) => values.get(name)!);
  const model = layers.model({ name: `${graph.family}-${graph.architecture}`, inputs: input, outputs });
  const setWeights = (name: string, tensors: TensorFlow.Tensor[]) => {
    model.getLayer(name).setWeights(tensors);
    tf.dispose(tensors);
  };
  if (standalone) setWeights(NORMALIZED, normalizationWeights(tf, graph.input.normalization));
  for (const node of nodes) {
    const parameters = Object.entries(node.parameters) as [keyof typeof node.parameters, readonly number[]][];
    if (parameters.length === 0) continue;
    const tensors = parameters.map(([name, shape]) => tf.tensor(weights.get(node.name, name), [...shape]));
    if (node.op === 'scale' && standalone) tensors.push(tf.zeros([node.channels]), tf.ones([node.channels]));
    setWeights(node.name, tensors);
  }
  return model;
}

/** A 1×1 convolution: it also reverses the channels where the network wants that. */
function normalizationLayer(layers: typeof Layers): Layers.layers.Layer {
  return layers.layers.conv2d({ name: NORMALIZED, filters: 3, kernelSize: 1, kernelInitializer: REPLACED });
}

function normalizationWeights(
  tf: typeof TensorFlow,
  { channelOrder, mean, std }: Normalization,
): [kernel: TensorFlow.Tensor, bias: TensorFlow.Tensor] {
  const kernel = [0, 1, 2].map((pixel) =>
    std.map((deviation, channel) => ((channelOrder === 'bgr' ? 2 - channel : channel) === pixel ? 1 / deviation : 0)),
  );
  return [tf.tensor4d([[kernel]]), tf.tensor1d(mean.map((value, channel) => -value / std[channel]!))];
}

function applyNode(
  layers: typeof Layers,
  node: GraphNode,
  x: Layers.SymbolicTensor,
  inputs: Layers.SymbolicTensor[],
  standalone: boolean,
): Layers.SymbolicTensor {
  const { name } = node;
  const apply = (layer: Pick<Layers.layers.Layer, 'apply'>, on: typeof x | typeof inputs = x) =>
    layer.apply(on) as Layers.SymbolicTensor;
  const pad = (suffix: string, { top, bottom, left, right }: Margins) => {
    const rows: [number, number] = [top, bottom];
    const columns: [number, number] = [left, right];
    return layers.layers.zeroPadding2d({ name: name + suffix, padding: [rows, columns] });
  };
  /** The padding in Keras' terms, after a layer for the part that they cannot express. */
  const padded = (padding: Padding): ['same' | 'valid', Layers.SymbolicTensor] => {
    if (typeof padding !== 'number') return [padding, x];
    const margins = { top: padding, bottom: padding, left: padding, right: padding };
    return padding === 0 ? ['valid', x] : ['valid', apply(pad('_pad', margins))];
  };
  switch (node.op) {
    case 'conv2d': {
      const [padding, source] = padded(node.padding);
      const layer = layers.layers.conv2d({
        name,
        filters: node.channels,
        kernelSize: [...node.kernelSize],
        strides: [...node.strides] as [number, number],
        padding,
        useBias: node.parameters.bias !== undefined,
        kernelInitializer: REPLACED,
      });
      // A global pooling leaves no rows and columns; slim's classifier is a convolution all the same.
      const map = () => layers.layers.reshape({ name: `${name}_map`, targetShape: [1, 1, x.shape[1]!] });
      return apply(layer, x.shape.length === 2 ? apply(map()) : source);
    }
    case 'batchNorm':
      return apply(layers.layers.batchNormalization({ name, epsilon: node.epsilon }));
    case 'groupNorm':
      if (standalone) {
        const message = `${name} is a group norm, for which TensorFlow.js has no layer: export the model as onnx.`;
        throw new CairnError('option-invalid', message);
      }
      return apply(channelLayer(layers, name, node));
    case 'scale':
      return apply(standalone ? layers.layers.batchNormalization({ name, epsilon: 0 }) : channelLayer(layers, name));
    case 'maxPool':
    case 'averagePool': {
      // Padding with zeros is correct only if no value is negative: every padded pooling follows a ReLU.
      const [padding, source] = padded(node.padding);
      const [poolSize, strides] = [[...node.poolSize], [...node.strides]] as [number, number][];
      const pool = node.op === 'maxPool' ? layers.layers.maxPooling2d : layers.layers.averagePooling2d;
      return apply(pool({ name, poolSize: poolSize!, strides: strides!, padding }), source);
    }
    case 'zeroPad':
      return apply(pad('', node.margins));
    case 'upsample':
      return apply(layers.layers.upSampling2d({ name, size: [node.factor, node.factor] }));
    case 'globalPool': {
      const pool = node.mode === 'avg' ? layers.layers.globalAveragePooling2d : layers.layers.globalMaxPooling2d;
      return apply(pool({ name }));
    }
    case 'dense':
      return apply(layers.layers.dense({ name, units: node.channels, kernelInitializer: REPLACED }));
    case 'relu':
      return apply(layers.layers.activation({ name, activation: 'relu' }));
    case 'softmax':
      return apply(layers.layers.softmax({ name, axis: -1 }));
    case 'add':
      return apply(layers.layers.add({ name }), inputs);
  }
}

/**
 * A factor (gamma) and an offset (beta) for each channel: the `Scale` layer of models that came from Caffe; after a
 * normalisation of groups of channels, which TensorFlow.js has no layer for.
 */
function channelLayer(
  layers: typeof Layers,
  name: string,
  norm?: { readonly groups: number; readonly epsilon: number },
): Layers.layers.Layer {
  const tf = load('@tensorflow/tfjs-core') as typeof TensorFlow;
  class Channels extends layers.layers.Layer {
    static readonly className = 'Scale';
    private gamma!: Layers.LayerVariable;
    private beta!: Layers.LayerVariable;

    override build(shape: Layers.Shape): void {
      const channels = [shape.at(-1)!];
      this.gamma = this.addWeight('gamma', channels, 'float32', layers.initializers.ones());
      this.beta = this.addWeight('beta', channels, 'float32', layers.initializers.zeros());
      super.build(shape);
    }

    override computeOutputShape(shape: Layers.Shape): Layers.Shape {
      return shape;
    }

    override call(inputs: TensorFlow.Tensor | TensorFlow.Tensor[]): TensorFlow.Tensor {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      return tf.tidy(() => {
        const normed = norm ? groupNorm(tf, x as TensorFlow.Tensor4D, norm.groups, norm.epsilon) : x;
        return tf.add(tf.mul(normed, this.gamma.read()), this.beta.read());
      });
    }
  }
  return new Channels({ name });
}
