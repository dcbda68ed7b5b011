"""What a network in 8-bit integers loses, on photographs that its calibration has not seen."""

import json

import numpy as np
from PIL import Image
from safetensors.numpy import load_file
from skimage import data

from cairn import run_cairn
from formats import save
from paths import ROOT
from pyramids import PYRAMIDS

SIDE, CALIBRATION_SIDE = 1024, 512
LEVELS = ("C2", "C3", "C4", "C5", "P2", "P3", "P4", "P5", "P6")
LEAST_COSINE = 0.998
LEAST_COSINE_DRAWN = 0.99
"""Drawn statistics of batch norms make networks whose errors grow from stage to stage, unlike trained ones."""
SEEDED = "mask-rcnn-resnet50"
"""Comes with a calibration of its own, made from `KNOWN`."""
FAMILIES = ("keras", "torchvision", "detectron2")
"""With drawn weights and drawn statistics of their batch norms."""
ARCHITECTURE = "resnet50"

KNOWN = ("astronaut", "coffee", "chelsea", "camera")
OTHERS = ("rocket", "retina", "hubble_deep_field", "immunohistochemistry", "brick", "grass", "gravel", "moon", "coins")
"""And the left half of a stereo pair: ten photographs that scikit-image ships."""


def check_int8_loss(results, scratch):
    models = [(SEEDED, None), *((f"{family}-{ARCHITECTURE}", family) for family in FAMILIES)]
    for model, family in models:
        case = f"int8-loss/{model}"
        if results.wants(case):
            with results.case(case), scratch.folder() as folder:
                weights = "seeded" if family is None else drawn_weights(family, scratch, folder)
                compare_with_float(results, case, model, weights, folder)


def drawn_weights(family, scratch, folder):
    """A weights file, and beside it a calibration."""
    entry = PYRAMIDS[family]
    network = entry.build(ARCHITECTURE, scratch.photo(256)[1])
    weights = save(network, folder, entry.files[ARCHITECTURE][0])
    known = write_photographs({name: getattr(data, name)() for name in KNOWN}, folder)
    options = ["--weights", weights, "--levels", ",".join(LEVELS), "--size", CALIBRATION_SIDE]
    run_cairn("calibrate", f"{family}-{ARCHITECTURE}", *known, *options)
    return weights


def compare_with_float(results, case, model, weights, folder):
    others = {name: getattr(data, name)() for name in OTHERS} | {"motorcycle": data.stereo_motorcycle()[0]}
    photographs = write_photographs(others, folder)
    asked = ["--model", model, "--weights", weights, "--levels", ",".join(LEVELS), "--size", SIDE]
    made = {}
    for precision in ("float32", "int8"):
        stored = ["--precision", precision, "--format", "safetensors", "--out", folder / precision]
        lines = run_cairn("extract", *photographs, *asked, *stored, "--json").splitlines()
        made[precision] = [ROOT / json.loads(line)["path"] for line in lines]
    cosines = {level: [] for level in LEVELS}
    for exact, integer in zip(*(sorted(paths) for paths in made.values()), strict=True):
        exact, integer = load_file(exact), load_file(integer)
        for level in LEVELS:
            a, b = (levels[level].astype(np.float64).ravel() for levels in (exact, integer))
            cosines[level].append(a @ b / np.sqrt((a @ a) * (b @ b)))
    for level, values in cosines.items():
        detail = f"cosine {min(values):.5f} at worst of {len(values)} photographs"
        least = LEAST_COSINE if weights == "seeded" else LEAST_COSINE_DRAWN
        results.check(f"{case} {level}", min(values) >= least, detail)


def write_photographs(photographs, folder):
    """{name: grey or RGB uint8 array} as PNG files; their paths."""
    paths = []
    for name, pixels in photographs.items():
        paths.append(folder / f"{name}.png")
        Image.fromarray(pixels).convert("RGB").save(paths[-1])
    return paths
