import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs-core';
import type * as Layers from '@tensorflow/tfjs-layers';

const load = createRequire(import.meta.url);

/** A factor (gamma) and an offset (beta) for each channel: the `Scale` layer of models that came from Caffe. */
export function scaleLayer(layers: typeof Layers, name: string): Layers.layers.Layer {
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
