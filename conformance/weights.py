"""Random weights and random batch-norm statistics for Matterport's ResNet, in the shape of a whole Mask R-CNN file.

These are what the comparison with Keras runs on: unlike freshly initialised weights, every bias, beta, mean and
variance differs from 0 or 1, so a parameter that is dropped, swapped or given to the wrong channel shows.

`WeightSet` below means {layer name: {parameter: float32 array}}, in graph order; kernels are HWIO (dense: [in, out]).
"""

import numpy as np

from layers import backbone_layers

ANCHORS_PER_LOCATION = 3
CLASSES = 81
PYRAMID_CHANNELS = 256

SMALL = 0.1
"""Scale of about half of the convolutions; their batch norms undo it. With variances near 0.01 a wrong epsilon shows."""


def random_weights(architecture, stage5=True, seed=20240):
    """A WeightSet for the backbone. He-uniform kernels; moving_variance near the variance that arrives."""
    random = np.random.default_rng(seed)

    def around(centre, spread, shape):
        return (centre + spread * random.uniform(-1, 1, shape)).astype(np.float32)

    weights = {}
    for layer in backbone_layers(architecture, stage5):  # a convolution, then its batch norm, and so on
        shape = (layer.channels,)
        if layer.kernel:
            size = random.choice([1, SMALL])
            limit = size * np.sqrt(6 / np.prod(layer.kernel[:3]))
            deviation = size * np.sqrt(2 * layer.moment)  # of what the convolution gives
            weights[layer.name] = {"kernel": around(0, limit, layer.kernel), "bias": around(0, 0.2 * deviation, shape)}
        else:
            weights[layer.name] = {
                "gamma": around(layer.gain, 0.3 * layer.gain, shape),
                "beta": around(0, 0.2, shape),
                "moving_mean": around(0, 0.2 * deviation, shape),
                "moving_variance": around(deviation**2, 0.5 * deviation**2, shape),
            }
    return weights


def head_weights(seed=20241):
    """A WeightSet of layers that a Mask R-CNN file has beyond the backbone, by `group/layer` where they are nested.

    The FPN, the region proposal network (a nested model, so its layers lie inside the group `rpn_model`) and the class
    and box outputs, with Matterport's names. The largest dense layers are left out: they would only take up disk.
    """
    random = np.random.default_rng(seed)

    def layer(*kernel):
        return {
            "kernel": random.uniform(-0.05, 0.05, kernel).astype(np.float32),
            "bias": random.uniform(-0.05, 0.05, kernel[-1:]).astype(np.float32),
        }

    weights = {f"fpn_c{level}p{level}": layer(1, 1, 128 * 2 ** (level - 1), PYRAMID_CHANNELS) for level in (5, 4, 3, 2)}
    weights |= {f"fpn_p{level}": layer(3, 3, PYRAMID_CHANNELS, PYRAMID_CHANNELS) for level in (2, 3, 4, 5)}
    weights["rpn_model/rpn_conv_shared"] = layer(3, 3, PYRAMID_CHANNELS, 512)
    weights["rpn_model/rpn_class_raw"] = layer(1, 1, 512, 2 * ANCHORS_PER_LOCATION)
    weights["rpn_model/rpn_bbox_pred"] = layer(1, 1, 512, 4 * ANCHORS_PER_LOCATION)
    weights["mrcnn_class_logits"] = layer(1024, CLASSES)
    weights["mrcnn_bbox_fc"] = layer(1024, 4 * CLASSES)
    return weights


def give_to(model, weights):
    """Sets the layers of a Keras model from a WeightSet; every layer that has parameters must be in it."""
    for layer in model.layers:
        if layer.weights:
            values = weights[layer.name]
            layer.set_weights([values[variable.name] for variable in layer.weights])
