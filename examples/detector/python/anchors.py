"""Matterport's anchors: one scale per level, three ratios, one centre per cell."""

import numpy as np

LEVELS = ("P2", "P3", "P4", "P5", "P6")
SCALES = {"P2": 32, "P3": 64, "P4": 128, "P5": 256, "P6": 512}
"""`RPN_ANCHOR_SCALES`: sides in pixels of the canvas."""
STRIDES = {"P2": 4, "P3": 8, "P4": 16, "P5": 32, "P6": 64}
RATIOS = (0.5, 1, 2)
"""Width over height."""


def level_anchors(level, shape, size):
    """float32 [height * width * 3, 4]: normalised [y0, x0, y1, x1] of a level's anchors, ordered as `rpn_class_raw`.

    `shape` is the level's (height, width), `size` the side of the canvas. Centres lie on the cells' upper left corners.
    """
    ratios = np.sqrt(np.array(RATIOS))
    half = np.stack([SCALES[level] / ratios, SCALES[level] * ratios], axis=1) / 2
    rows, columns = (np.arange(length) * STRIDES[level] for length in shape)
    centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)[:, :, None]
    pixels = np.concatenate([centres - half, centres + half], axis=-1).reshape(-1, 4)
    return normalise(pixels, (size, size)).astype(np.float32)


def normalise(boxes, shape):
    """Pixels -> 0..1, as Matterport's `norm_boxes`: the lower right corner is outside the box in pixels, on it here."""
    height, width = shape
    return (np.asarray(boxes) - [0, 0, 1, 1]) / np.array([height - 1, width - 1] * 2)


def denormalise(boxes, shape):
    height, width = shape
    return np.asarray(boxes) * np.array([height - 1, width - 1] * 2) + [0, 0, 1, 1]
