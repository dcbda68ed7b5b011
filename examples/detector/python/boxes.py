"""Arithmetic of boxes [y0, x0, y1, x1], float32 arrays [boxes, 4]."""

import numpy as np

STANDARD_DEVIATION = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
"""`RPN_BBOX_STD_DEV` and `BBOX_STD_DEV`: the factors of the networks' deltas."""


def apply_deltas(boxes, deltas):
    """Applies `deltas`, a network's output: shifts centres by fractions of the sides, scales sides by exponentials."""
    deltas = deltas * STANDARD_DEVIATION
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = boxes[:, :2] + np.float32(0.5) * sides + deltas[:, :2] * sides
    sides = sides * np.exp(deltas[:, 2:])
    corner = centres - np.float32(0.5) * sides
    return np.concatenate([corner, corner + sides], axis=1)


def clip(boxes, window):
    """Clips boxes to `window`, [y0, x0, y1, x1]."""
    window = np.asarray(window, np.float32)
    return np.clip(boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))


def suppress(boxes, scores, threshold, most):
    """Indices of at most `most` boxes, best first, none overlapping a better one by more than `threshold` (IoU)."""
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept = []
    while order.size and len(kept) < most:
        best, order = order[0], order[1:]
        kept.append(best)
        shared = np.minimum(boxes[order, 2:], boxes[best, 2:]) - np.maximum(boxes[order, :2], boxes[best, :2])
        shared = np.prod(np.maximum(shared, 0), axis=1)
        # A box without area overlaps nothing.
        order = order[shared <= threshold * (areas[order] + areas[best] - shared)]
    return np.array(kept, int)
