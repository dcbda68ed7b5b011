"""A network of Keras layers."""

import math

import numpy as np

from networks.output import as_output
from networks.random_weights import RandomWeights, root_mean_square, sharpening


class KerasNetwork:
    def __init__(self, name, image, levels, probabilities, preprocess, branch_end):
        """`levels` is {"C1": tensor, ...}; `preprocess` turns uint8 RGB [1, side, side, 3] into the network's input.

        `branch_end` is how the name of the last layer with parameters ends in every residual branch.
        """
        import keras

        self.published = keras.Model(image, probabilities, name=name)
        """The model as people save it: its only output is the classifier's."""
        self.levels = keras.Model(image, levels)
        self._all = keras.Model(image, {**levels, "probabilities": probabilities})
        self.preprocess = preprocess
        self._branch_end = branch_end

    def randomise(self, pixels, seed):
        from keras import layers

        random = RandomWeights(seed)
        batch = self.preprocess(pixels[None])
        norms = []
        for layer in self.published.layers:
            ends_branch = layer.name.endswith(self._branch_end)
            if isinstance(layer, layers.Conv2D):
                scale = root_mean_square(batch) if layer.kernel.shape[2] == 3 else 1.0
                kernel, bias = random.convolution(layer.kernel.shape, feeds_a_norm(layer), ends_branch, scale)
                layer.set_weights([kernel, bias][: len(layer.weights)])
            elif isinstance(layer, layers.Dense):
                layer.set_weights(random.dense(layer.kernel.shape))
            elif isinstance(layer, layers.BatchNormalization):
                norms.append(layer)
                layer.set_weights([*random.affine(layer.gamma.shape, ends_branch), *layer.get_weights()[2:]])
            elif layer.weights:  # a scale layer has an affine part only
                layer.set_weights(random.affine(layer.weights[0].shape))
        measure_statistics(norms, lambda: self._all(batch, training=True))
        for norm in norms:
            norm.set_weights(random.moved(*norm.get_weights()))
        classifier = self.published.layers[-1]
        factor = sharpening(self.run(pixels).probabilities)
        classifier.set_weights([factor * values for values in classifier.get_weights()])

    def run(self, pixels, top=True):
        model = self._all if top else self.levels
        return as_output(model(self.preprocess(pixels[None]), training=False))

    def weights(self):
        """A WeightSet (see ../weights.py), the layers in Keras's order."""
        return {
            layer.name: {variable.name: np.asarray(variable) for variable in layer.weights}
            for layer in self.published.layers
            if layer.weights
        }

    def parameter_counts(self):
        layers = self.published.layers[:-1]
        trainable = count(variable for layer in layers for variable in layer.trainable_variables)
        fixed = count(variable for layer in layers for variable in layer.non_trainable_variables)
        return {"total": trainable + fixed, "trainable": trainable, "nonTrainable": fixed}


def count(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def feeds_a_norm(layer):
    from keras.layers import BatchNormalization

    return any(isinstance(node.operation, BatchNormalization) for node in layer._outbound_nodes)


def measure_statistics(norms, run):
    """Runs once in training mode, so that every norm's stored statistics become those of the batch."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    run()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
