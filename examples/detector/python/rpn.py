"""The region proposal network, one level at a time, and the proposals of all levels together."""

import numpy as np

from boxes import apply_deltas, clip, suppress

BAND_ROWS = 16
"""Rows of a level that are convolved at once: about 40 MB of patches for the 256 columns of P2."""
MOST_BEFORE_SUPPRESSION = 6000
MOST_PROPOSALS = 1000
"""`POST_NMS_ROIS_INFERENCE`."""
OVERLAP = 0.7


def run_rpn(level, weights):
    """float32 [height, width, 256] -> (scores [anchors], deltas [anchors, 4]), anchors in the order of anchors.py."""
    layers = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
    shared, objectness, regression = (flat(weights[layer]) for layer in layers)
    padded = np.pad(level, ((1, 1), (1, 1), (0, 0)))
    height, width, _ = level.shape
    logits, deltas = [], []
    for top in range(0, height, BAND_ROWS):
        rows = min(BAND_ROWS, height - top)
        parts = [padded[top + y : top + y + rows, x : x + width] for y in range(3) for x in range(3)]
        patches = np.concatenate(parts, axis=2).reshape(rows * width, -1)
        hidden = np.maximum(linear(patches, shared), 0)
        logits.append(linear(hidden, objectness).reshape(-1, 2))
        deltas.append(linear(hidden, regression).reshape(-1, 4))
    background, object_ = np.concatenate(logits).T
    # The softmax of two logits.
    scores = 1 / (1 + np.exp(background - object_))
    return scores, np.concatenate(deltas)


def propose(anchors, scores, deltas):
    """Normalised boxes [at most 1000, 4], best first."""
    best = np.argsort(-scores, kind="stable")[:MOST_BEFORE_SUPPRESSION]
    boxes = clip(apply_deltas(anchors[best], deltas[best]), [0, 0, 1, 1])
    return boxes[suppress(boxes, scores[best], OVERLAP, MOST_PROPOSALS)]


def flat(layer):
    """A convolution's kernel [height, width, in, out] as a matrix, and its bias."""
    kernel = layer["kernel"]
    return kernel.reshape(-1, kernel.shape[-1]), layer["bias"]


def linear(values, layer):
    kernel, bias = layer
    return values @ kernel + bias
