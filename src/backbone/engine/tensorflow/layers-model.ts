import { createRequire } from 'node:module';
import type * as Layers from '@tensorflow/tfjs-layers';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import type { Graph, GraphNode, Margins, Padding } from '../../graph/graph.js';
import type { Weights } from '../../weights/weights.js';

const load = createRequire(import.meta.url);

/** Kernels are replaced by weights; the default initialiser would draw millions of random numbers first. */
const REPLACED = 'zeros';

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
export function toLayersModel(graph: Graph, weights: Weights): Layers.LayersModel {
  const tf = load('@tensorflow/tfjs-core') as typeof TensorFlow;
  const layers = load('@tensorflow/tfjs-layers') as typeof Layers;
  const input = layers.input({ name: graph.input.name, shape: [null, null, graph.input.channels] });
  const values = new Map<string, Layers.SymbolicTensor>([[graph.input.name, input]]);

  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => values.get(name)!);
    const [x] = inputs as [Layers.SymbolicTensor];
    values.set(node.name, applyNode(layers, node, x, inputs));
  }
  const ends = new Set([...Object.values(graph.outputs).map(({ node }) => node), graph.nodes.at(-1)!.name]);
  const outputs = [...ends].map((name) => values.get(name)!);
  const model = layers.model({ name: `${graph.family}-${graph.architecture}`, inputs: input, outputs });
  for (const node of graph.nodes) {
    const parameters = Object.entries(node.parameters) as [keyof typeof node.parameters, readonly number[]][];
    if (parameters.length === 0) continue;
    const tensors = parameters.map(([name, shape]) => tf.tensor(weights.get(node.name, name), [...shape]));
    model.getLayer(node.name).setWeights(tensors);
    tf.dispose(tensors);
  }
  return model;
}

function applyNode(
  layers: typeof Layers,
  node: GraphNode,
  x: Layers.SymbolicTensor,
  inputs: Layers.SymbolicTensor[],
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
    case 'scale':
      return apply(scaleLayer(layers, name));
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

/** A factor (gamma) and an offset (beta) for each channel: the `Scale` layer of models that came from Caffe. */
function scaleLayer(layers: typeof Layers, name: string): Layers.layers.Layer {
  const tf = load('@tensorflow/tfjs-core') as typeof TensorFlow;
  class Scale extends layers.layers.Layer {
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
      return tf.tidy(() => tf.add(tf.mul(x, this.gamma.read()), this.beta.read()));
    }
  }
  return new Scale({ name });
}
