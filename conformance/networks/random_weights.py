"""How random weights are drawn: so that no parameter can be lost, swapped or misread without the levels showing it.

Kernels are He's, scaled so that maps stay of the order of 1. A batch norm's stored mean and variance are measured on a
photograph and then moved away from what was measured, which its gamma and beta take back: a network as deep as
ResNet-200 neither fades nor blows up, and yet nothing is 0 or 1. About half of the convolutions that a norm follows
are `SMALL`; the norm undoes it, but with variances near 0.001 a wrong epsilon shows.

Arrays are float32; kernels are HWIO, or [in, out] for a dense layer.
"""

import numpy as np

SMALL = 0.03
BRANCH_END = 0.1
"""Scale of what ends a residual branch, a norm or, in pre-activation blocks, a convolution.

With branches as strong as the shortcuts, a net of random weights is chaotic: it multiplies float32's own rounding by
hundreds on the way to C5, which says nothing about either side.
"""

SHARPNESS = 1.6
"""Spread of the logits, as a multiple of that at which the largest of normal logits begin to outweigh all others."""


class RandomWeights:
    def __init__(self, seed):
        self._random = np.random.default_rng(seed)

    def _around(self, centre, spread, shape):
        return (centre + spread * self._random.uniform(-1, 1, shape)).astype(np.float32)

    def convolution(self, shape, normed, ends_branch=False, input_scale=1.0):
        """Kernel and bias, for an input of root mean square `input_scale`."""
        size = self._random.choice([1, SMALL]) if normed else BRANCH_END if ends_branch else 1
        deviation = size * np.sqrt(2 / np.prod(shape[:3])) / input_scale
        kernel = (deviation * self._random.standard_normal(shape, np.float32)).astype(np.float32)
        return kernel, self._around(0, 0.3 * size, shape[3:])

    def dense(self, shape):
        """Kernel and bias of a classifier, to be scaled by `sharpening` afterwards."""
        kernel = self._random.standard_normal(shape, np.float32) / np.float32(np.sqrt(shape[0]))
        return kernel, self._around(0, 0.3, shape[1:])

    def affine(self, channels, ends_branch=False):
        """Gamma and beta."""
        size = BRANCH_END if ends_branch else 1
        return self._around(0.9 * size, 0.4 * size, channels), self._around(0, 0.3 * size, channels)

    def moved(self, gamma, beta, mean, variance):
        """Other parameters of the same norm, in the same order: it gives what it gave, but for epsilon's part."""
        shift, factor = self._around(0, 0.3, mean.shape), self._around(1, 0.5, mean.shape)
        deviation = np.sqrt(variance)
        moved = gamma * np.sqrt(factor), beta + gamma * shift, mean + shift * deviation, factor * variance
        return [values.astype(np.float32) for values in moved]


def root_mean_square(batch):
    return float(np.sqrt(np.mean(np.square(batch, dtype=np.float64))))


def sharpening(probabilities):
    """By what to multiply the classifier's kernel and bias, so that a few classes take most of the probability."""
    spread = SHARPNESS * np.sqrt(2 * np.log(probabilities.size))
    return np.float32(spread / np.log(probabilities.astype(np.float64)).std())
