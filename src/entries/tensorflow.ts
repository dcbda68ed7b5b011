/**
 * Networks as models of TensorFlow.js.
 *
 * @packageDocumentation
 */
export { toLayersModel, type LayersModelOptions } from '../backbone/engine/tensorflow/layers-model.js';
export { loadWasm } from '../backbone/engine/tensorflow/runtime.js';
export { loadWeights, type Weights } from '../backbone/weights/weights.js';
