"""An image file as the input of a network that was trained on ImageNet."""

import numpy as np
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def load_image(file, side):
    """Scales to fit a square of `side` pixels, pads with zeros, normalises: float32 [1, 3, side, side]."""
    image = Image.open(file).convert("RGB")
    scale = side / max(image.size)
    image = image.resize([round(length * scale) for length in image.size], Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    pixels = (np.asarray(canvas, np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])
