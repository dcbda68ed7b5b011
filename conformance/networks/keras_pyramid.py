"""Matterport's feature pyramid, in Keras, on top of any Keras backbone.

Written from the convention of Matterport's `mrcnn/model.py`: a 1x1 convolution with bias on every C level
(`fpn_c5p5`); the coarser sum doubled by repeating every position (`fpn_p5upsampled`) and added (`fpn_p4add`); a 3x3
convolution with bias and padding `same` on every sum (`fpn_p5`), and nothing that activates it. P6 is a max-pool 1x1
with stride 2 of P5, that is of what its 3x3 convolution gave.
"""

import numpy as np

from networks.keras_network import count
from networks.output import as_output
from networks.random_weights import RandomWeights

CHANNELS = 256


class KerasPyramid:
    def __init__(self, backbone, preprocess, finest=2, beside=None):
        """`backbone` is a Keras model: image -> {"C1": tensor, ...}; `preprocess` makes its input of uint8 RGB.

        `finest` is the number of the finest level whose map is half as large as the next; finer ones have their
        layers, which are part of every file, but no sum. `beside` is a WeightSet of a detector's other layers.
        """
        import keras

        image, levels = backbone.input, backbone.output
        pyramid = feature_pyramid(levels, finest)
        self.published = keras.Model(image, list(pyramid.values()), name="detector")
        self._all = keras.Model(image, {**levels, **pyramid})
        self._preprocess = preprocess
        self._beside = beside or {}

    def draw_pyramid(self, seed):
        """Random kernels, and biases of a third of what the maps are like."""
        random = RandomWeights(seed)
        for layer in self._pyramid():
            layer.set_weights(random.convolution(layer.kernel.shape, normed=False))

    def run(self, pixels):
        return as_output(self._all(self._preprocess(pixels[None]), training=False))

    def weights(self):
        """A WeightSet (see ../weights.py), the layers in Keras's order."""
        layers = [layer for layer in self.published.layers if layer.weights]
        values = {layer.name: {variable.name: np.asarray(variable) for variable in layer.weights} for layer in layers}
        return values | self._beside

    def pyramid_parameters(self):
        return count(variable for layer in self._pyramid() for variable in layer.weights)

    def _pyramid(self):
        return [layer for layer in self.published.layers if layer.weights and layer.name.startswith("fpn_")]


def feature_pyramid(levels, finest):
    """{"C2": tensor, ...} -> {"P2": tensor, ... "P6"}."""
    from keras import layers

    sums = {5: layers.Conv2D(CHANNELS, 1, name="fpn_c5p5")(levels["C5"])}
    for level in (4, 3, 2):
        lateral = layers.Conv2D(CHANNELS, 1, name=f"fpn_c{level}p{level}")(levels[f"C{level}"])
        if level >= finest:
            above = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(sums[level + 1])
            lateral = layers.Add(name=f"fpn_p{level}add")([above, lateral])
        sums[level] = lateral
    outputs = {
        f"P{level}": layers.Conv2D(CHANNELS, 3, padding="same", name=f"fpn_p{level}")(sums[level])
        for level in (2, 3, 4, 5)
    }
    return outputs | {"P6": layers.MaxPooling2D(1, strides=2, name="fpn_p6")(outputs["P5"])}
