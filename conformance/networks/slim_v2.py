"""TensorFlow-Slim's pre-activation ResNets (`nets/resnet_v2.py`, `nets/resnet_utils.py`), in TensorFlow operations.

- The first convolution, 7x7 with stride 2, has a bias and no norm: explicit padding of 3, then VALID. The max-pool is
  3x3 with stride 2, padding SAME.
- A unit begins with `preact`, a batch norm and a ReLU, which the branch and a projecting shortcut share. The shortcut
  is projected, with a bias and no norm, only where the depth changes; elsewhere it is the unit's input, subsampled by
  a 1x1 max-pool where the unit has a stride.
- The branch is 1x1, 3x3 (both without a bias, with norm and ReLU), 1x1 with a bias and no norm. The 3x3 is SAME without
  a stride, and padded by 1 on every side, then VALID, with one (`conv2d_same`). Stride 2 is in the last unit of blocks
  1 to 3, so the blocks' outputs, which are the levels C2 to C5, have strides 8, 16, 32 and 32.
- The top is `postnorm`, ReLU, the mean over the map, and `logits`, a 1x1 convolution.

Batch norm has epsilon 1e-5. The input is RGB in -1..1. Published files have 1001 classes, the first of which is none.
"""

import numpy as np

from networks.output import as_output
from networks.random_weights import RandomWeights, sharpening

UNITS = {
    "resnet50v2": (3, 4, 6, 3),
    "resnet101v2": (3, 4, 23, 3),
    "resnet152v2": (3, 8, 36, 3),
    "resnet200v2": (3, 24, 36, 3),
}
ARCHITECTURES = tuple(UNITS)
EPSILON = 1e-5


def build(architecture, classes=1001):
    return SlimNetwork(f"resnet_v2_{architecture[len('resnet') : -len('v2')]}", UNITS[architecture], classes)


class SlimNetwork:
    def __init__(self, scope, units, classes):
        self.variables = {}
        """{TensorFlow's variable name: float32 array}, filled by `randomise`."""
        self._scope = scope
        self._units = units
        self._classes = classes
        self._random = None
        """Draws what a layer lacks; None once all is drawn."""

    def randomise(self, pixels, seed):
        self._random = RandomWeights(seed)
        probabilities = self.run(pixels).probabilities
        self._random = None
        for name in ("weights", "biases"):
            self.variables[f"{self._scope}/logits/{name}"] *= sharpening(probabilities)

    def run(self, pixels, top=True):
        import tensorflow as tf

        x = pixels[None].astype(np.float32) / np.float32(127.5) - np.float32(1)
        x = self._convolution(tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]]), f"{self._scope}/conv1", 64, 7, 2, "VALID")
        maps = {"C1": tf.nn.max_pool2d(x, 3, 2, "SAME")}
        x = maps["C1"]
        for block, count in enumerate(self._units, 1):
            for unit in range(1, count + 1):
                stride = 2 if unit == count and block < 4 else 1
                x = self._unit(x, f"{self._scope}/block{block}/unit_{unit}/bottleneck_v2", 32 * 2**block, stride)
            maps[f"C{block + 1}"] = x
        if top:
            x = tf.reduce_mean(self._norm_and_relu(x, f"{self._scope}/postnorm"), [1, 2], keepdims=True)
            logits = self._convolution(x, f"{self._scope}/logits", self._classes, 1)
            maps["probabilities"] = tf.nn.softmax(logits[:, 0, 0])
        return as_output(maps)

    def parameter_counts(self):
        sizes = {name: values.size for name, values in self.variables.items() if "/logits/" not in name}
        fixed = sum(size for name, size in sizes.items() if "/moving_" in name)
        return {"total": sum(sizes.values()), "trainable": sum(sizes.values()) - fixed, "nonTrainable": fixed}

    def _unit(self, x, scope, width, stride):
        import tensorflow as tf

        preact = self._norm_and_relu(x, f"{scope}/preact")
        if x.shape[-1] != 4 * width:
            shortcut = self._convolution(preact, f"{scope}/shortcut", 4 * width, 1, stride)
        else:
            shortcut = tf.nn.max_pool2d(x, 1, stride, "SAME")
        y = self._convolution(preact, f"{scope}/conv1", width, 1, norm=True)
        if stride == 1:
            y = self._convolution(y, f"{scope}/conv2", width, 3, norm=True)
        else:
            y = tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]])
            y = self._convolution(y, f"{scope}/conv2", width, 3, stride, "VALID", norm=True)
        return shortcut + self._convolution(y, f"{scope}/conv3", 4 * width, 1)

    def _convolution(self, x, scope, filters, size, stride=1, padding="SAME", norm=False):
        import tensorflow as tf

        if self._random is not None:
            shape = (size, size, x.shape[-1], filters)
            kernel, bias = self._random.convolution(shape, norm, ends_branch=scope.endswith("/conv3"))
            self.variables[f"{scope}/weights"] = kernel
            self.variables |= {} if norm else {f"{scope}/biases": bias}
        y = tf.nn.conv2d(x, self.variables[f"{scope}/weights"], stride, padding)
        return self._norm_and_relu(y, f"{scope}/BatchNorm") if norm else y + self.variables[f"{scope}/biases"]

    def _norm_and_relu(self, x, scope):
        import tensorflow as tf

        names = ("gamma", "beta", "moving_mean", "moving_variance")
        if self._random is not None:
            mean, variance = (values.numpy() for values in tf.nn.moments(x, [0, 1, 2]))
            drawn = self._random.moved(*self._random.affine(x.shape[-1:]), mean, variance)
            self.variables |= {f"{scope}/{name}": values for name, values in zip(names, drawn, strict=True)}
        gamma, beta, mean, variance = (self.variables[f"{scope}/{name}"] for name in names)
        return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON))
