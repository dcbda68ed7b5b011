"""Matterport's preprocessing (`resize_image` in its `mrcnn/utils.py`, mode `square`), with scikit-image.

Images are uint8 RGB [height, width, 3]; the canvas is uint8 [side, side, 3], zero outside `window`.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from skimage.transform import resize

LEAST_SIDE_RATIO = 800 / 1024
"""Matterport's IMAGE_MIN_DIM over its IMAGE_MAX_DIM; the least side scales with the canvas."""


class Canvas(NamedTuple):
    """A preprocessed image. `window` is (y0, x0, y1, x1) in canvas pixels; `original_shape` is (height, width, 3)."""

    pixels: np.ndarray
    window: tuple
    scale: float
    original_shape: tuple


def decode(path):
    """Decodes a file to RGB, the EXIF orientation applied, grey spread over three channels."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def preprocess(image, side=1024):
    """Scales so that the least side is 800/1024 of `side`, or less where the image would not fit, and pads with zeros.

    Never shrinks for the least side's sake. Rounding is Python's, half to even. No anti-aliasing, as in Matterport;
    pixels are cut off, not rounded, to uint8.
    """
    original_shape = image.shape
    height, width = image.shape[:2]
    scale = max(1, side * LEAST_SIDE_RATIO / min(height, width))
    if round(max(height, width) * scale) > side:
        scale = side / max(height, width)
    if scale != 1:
        height, width = round(height * scale), round(width * scale)
        image = resize(
            image, (height, width), order=1, mode="constant", cval=0, preserve_range=True, anti_aliasing=False
        ).astype(np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[top : top + height, left : left + width] = image
    return Canvas(pixels, (top, left, top + height, left + width), float(scale), original_shape)
