"""The box head: pooled regions to classes and boxes."""

import numpy as np

from anchors import denormalise, normalise
from boxes import apply_deltas, clip, suppress
from rpn import flat, linear

EPSILON = np.float32(1e-3)
"""The epsilon of the batch norms: Keras's default when the network was published."""
LEAST_CONFIDENCE = 0.7
OVERLAP = 0.3
MOST_DETECTIONS = 100


def run_head(regions, weights):
    """float32 [regions, 7, 7, 256] -> (probabilities [regions, classes], deltas [regions, classes, 4])."""
    # A `valid` 7x7 convolution of a 7x7 region, and a 1x1 convolution of the resulting cell, are matrix products.
    values = regions.reshape(len(regions), -1)
    for convolution, norm in (("mrcnn_class_conv1", "mrcnn_class_bn1"), ("mrcnn_class_conv2", "mrcnn_class_bn2")):
        values = np.maximum(batch_norm(linear(values, flat(weights[convolution])), weights[norm]), 0)
    probabilities = softmax(linear(values, flat(weights["mrcnn_class_logits"])))
    deltas = linear(values, flat(weights["mrcnn_bbox_fc"]))
    return probabilities, deltas.reshape(*probabilities.shape, 4)


def choose(proposals, probabilities, deltas, window, size):
    """(boxes, classes, scores), best first; boxes normalised on the canvas. Class 0 is the background.

    `window` is the image on the canvas, in pixels; boxes are cut off at it. `size` is the canvas's side.
    """
    classes = probabilities.argmax(axis=1)
    every = np.arange(len(classes))
    scores = probabilities[every, classes]
    boxes = clip(apply_deltas(proposals, deltas[every, classes]), normalise(window, (size, size)))
    certain = np.flatnonzero((classes > 0) & (scores >= LEAST_CONFIDENCE))
    kept = [np.empty(0, int)]
    for number in np.unique(classes[certain]):
        some = certain[classes[certain] == number]
        kept.append(some[suppress(boxes[some], scores[some], OVERLAP, MOST_DETECTIONS)])
    kept = np.sort(np.concatenate(kept))
    kept = kept[np.argsort(-scores[kept], kind="stable")][:MOST_DETECTIONS]
    kept = kept[np.prod(boxes[kept, 2:] - boxes[kept, :2], axis=1) > 0]
    return boxes[kept], classes[kept], scores[kept]


def to_photo(boxes, window, size, original_shape):
    """Boxes on the canvas, normalised -> pixels of the photo, float (Matterport's `unmold_detections`, not rounded).

    The window is the whole photo: a box is first taken relative to it, then multiplied by the photo's own sides.
    """
    y0, x0, y1, x1 = normalise(window, (size, size))
    relative = (boxes - np.array([y0, x0] * 2)) / np.array([y1 - y0, x1 - x0] * 2)
    return denormalise(relative, original_shape[:2])


def batch_norm(values, layer):
    factor = layer["gamma"] / np.sqrt(layer["moving_variance"] + EPSILON)
    return (values - layer["moving_mean"]) * factor + layer["beta"]


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
