"""The samples that the goldens hold: a few values of each result, and what sums up the rest."""

import numpy as np

import matterport
from layers import backbone_layers
from paths import IMAGES
from preprocess import decode, preprocess
from seeded import DEFAULT_SEED, parameter_values, seeded_weights
from weights import give_to

PYRAMID_IMAGE = "square-128.png"


def shortest(value):
    """The shortest decimal that reads back as the same float32."""
    return float(str(np.float32(value)))


def seeded_sample(architecture, name, parameter):
    """The first 8 values in C order and the sum (in double) of one seeded parameter."""
    layer = next(layer for layer in backbone_layers(architecture) if layer.name == name)
    shape = layer.parameters[parameter]
    values = parameter_values(DEFAULT_SEED, layer, parameter, shape)
    return {
        "architecture": architecture,
        "layer": name,
        "parameter": parameter,
        "shape": list(shape),
        "first": [shortest(value) for value in values.ravel()[:8]],
        "sum_float64": float(values.sum(dtype=np.float64)),
    }


def preprocess_sample(image, side, count=150):
    """Geometry, and pixels [y, x, r, g, b] at the canvas's and the window's corners and edges and at random places."""
    canvas = preprocess(decode(IMAGES / image), side)
    y0, x0, y1, x1 = canvas.window
    random = np.random.default_rng(7)
    ys = sorted({0, max(y0 - 1, 0), y0, y0 + 1, (y0 + y1) // 2, y1 - 2, y1 - 1, min(y1, side - 1), side - 1})
    xs = sorted({0, max(x0 - 1, 0), x0, x0 + 1, (x0 + x1) // 2, x1 - 2, x1 - 1, min(x1, side - 1), side - 1})
    places = [(y, x) for y in ys for x in xs]
    random_count = max(count - len(places), 0)
    places += zip(random.integers(y0, y1, random_count).tolist(), random.integers(x0, x1, random_count).tolist())
    return {
        "image": image,
        "size": side,
        "originalShape": list(canvas.original_shape),
        "window": list(canvas.window),
        "scale": canvas.scale,
        "samples": [[y, x, *canvas.pixels[y, x].tolist()] for y, x in places],
    }


def pyramid_sample(architecture):
    """Keras with seeded weights on a 128x128 image: each level's statistics and values [y, x, channel, value]."""
    pixels = decode(IMAGES / PYRAMID_IMAGE)
    side = pixels.shape[0]
    model = matterport.backbone(architecture, side=side)
    give_to(model, seeded_weights(architecture))
    return {
        "model": f"mask-rcnn-{architecture}",
        "architecture": architecture,
        "stage5": True,
        "seed": DEFAULT_SEED,
        "size": side,
        "image": PYRAMID_IMAGE,
        "levels": {name: level_sample(level) for name, level in matterport.run(model, pixels).items()},
    }


def level_sample(level, count=40):
    """`level` is float32 [height, width, channels]; half of the samples lie on the border, the corners among them."""
    height, width, channels = level.shape
    random = np.random.default_rng(11)
    places = [(y, x) for y in (0, height - 1) for x in (0, width - 1)]
    for i in range(count - len(places)):
        y, x = int(random.integers(height)), int(random.integers(width))
        places.append([(y, x), (y, x), (0, x), (height - 1, x), (y, 0), (y, width - 1)][i % 6])
    samples = []
    for y, x in places:
        channel = int(random.integers(channels))
        if level[y, x, channel] == 0:  # a third are; prefer values that tell something
            channel = int(level[y, x].argmax())
        samples.append([y, x, channel, shortest(level[y, x, channel])])
    return {
        "shape": list(level.shape),
        "maxAbs": shortest(np.abs(level).max()),
        "mean": float(level.mean(dtype=np.float64)),
        "std": float(level.std(dtype=np.float64)),
        "samples": samples,
    }
