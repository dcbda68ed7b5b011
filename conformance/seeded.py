"""Cairn's seeded weights (`--weights seeded:N`), implemented a second time, in numpy.

A value depends only on (seed, layer, parameter, flat index), so it can be made in any order and in any language:

1. key = the first 4 bytes, little endian, of SHA-256 of the UTF-8 text `cairn-seeded-v1/{seed}/{layer}/{parameter}`;
2. for the flat C-order index i, x = (i * 0x9E3779B9 + key) mod 2^32, then a 32-bit mix of xor-shifts and multiplies;
3. r = x / 2^32, a double in [0, 1).

Scaling follows the second moment of layers.py. All arithmetic is in double, in the order written, then rounded to
float32. Kernels are HWIO.
"""

import hashlib

import numpy as np

from layers import backbone_layers

DEFAULT_SEED = 0


def uniform(seed, layer, parameter, count):
    """`count` doubles in [0, 1)."""
    text = f"cairn-seeded-v1/{seed}/{layer}/{parameter}"
    key = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "little")
    x = np.arange(count, dtype=np.uint32)  # uint32 arrays wrap around, which is the "mod 2^32"
    x *= np.uint32(0x9E3779B9)
    x += np.uint32(key)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x / 2.0**32


def parameter_values(seed, layer, parameter, shape):
    """One parameter of one layer (a `layers.Layer`), float32 of `shape`."""
    r = uniform(seed, layer.name, parameter, int(np.prod(shape)))
    if parameter == "kernel":
        height, width, channels, _ = shape
        values = (2 * r - 1) * np.sqrt(6 / (height * width * channels))
    elif parameter == "bias":
        values = (2 * r - 1) * 0.1 * np.sqrt(2 * layer.moment)
    elif parameter == "gamma":
        values = layer.gain * (0.75 + 0.5 * r)
    elif parameter == "beta":
        values = (2 * r - 1) * 0.1
    elif parameter == "moving_mean":
        values = (2 * r - 1) * 0.1 * np.sqrt(layer.moment)
    elif parameter == "moving_variance":
        values = layer.moment * (0.5 + r)
    else:
        raise ValueError(f"no such parameter: {parameter}")
    return values.astype(np.float32).reshape(shape)


def seeded_weights(architecture, stage5=True, seed=DEFAULT_SEED):
    """{layer name: {parameter: float32 array}} for the whole backbone, in graph order."""
    return {
        layer.name: {
            parameter: parameter_values(seed, layer, parameter, shape) for parameter, shape in layer.parameters.items()
        }
        for layer in backbone_layers(architecture, stage5)
    }
