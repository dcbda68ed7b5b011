"""Preprocessing, Cairn against scikit-image as Matterport uses it."""

import numpy as np
from PIL import Image

from cairn import preprocess_image
from golden import PREPROCESS_CASES
from paths import IMAGES
from preprocess import decode, preprocess

GREY_LEVELS = 1
"""Largest allowed difference of a pixel: Matterport cuts off to uint8 where libvips rounds."""

SCALE_TOLERANCE = 1e-12


def check_preprocess(results, scratch):
    for name, side in PREPROCESS_CASES:
        case = f"preprocess/{name}/{side}"
        if results.wants(case):
            with results.case(case), scratch.folder() as folder:
                check_image(results, case, name, side, folder / "canvas.png")


def check_image(results, case, name, side, canvas):
    expected = preprocess(decode(IMAGES / name), side)
    line = preprocess_image(IMAGES / name, canvas, side)
    results.check(f"{case} window", line["window"] == list(expected.window), str(line["window"]))
    results.check(f"{case} scale", abs(line["scale"] - expected.scale) <= SCALE_TOLERANCE, str(line["scale"]))
    shape = list(expected.original_shape)
    results.check(f"{case} original shape", line["originalShape"] == shape, str(line["originalShape"]))

    pixels = np.asarray(Image.open(canvas))
    same_shape = pixels.shape == expected.pixels.shape
    worst = int(np.abs(pixels.astype(int) - expected.pixels).max()) if same_shape else 255
    results.check(f"{case} pixels", worst <= GREY_LEVELS, f"largest difference {worst} of 255")
    height, width, _ = expected.original_shape
    row = dict(image=name, original=f"{width}×{height}", side=side, window=line["window"], difference=worst)
    results.add_row("preprocess", **row)
