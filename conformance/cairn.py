"""Runs Cairn's command line, the only way in which these scripts touch Cairn."""

import json
import os
import subprocess

from paths import CLI, ROOT

TIMEOUT_SECONDS = 600


def run_cairn(*arguments):
    """Runs `cairn ARGUMENTS` and returns its standard output; raises RuntimeError with its last words if it fails."""
    command = [os.environ.get("NODE", "node"), str(CLI), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise RuntimeError(f"cairn {arguments[0]} ended with {done.returncode}: {said[-800:]}")
    return done.stdout


def extract(
    image, folder, *, model, weights, side, levels=None, stage5=True, dtype="float32", layout=None, quality=None, file_format
):
    """Extracts one image into `folder` and returns the path of the file, as the JSON line on stdout gives it.

    `levels` and `layout` None leave the option out, so that Cairn takes its default. `quality` stores them as JPEG.
    """
    arguments = ["extract", image, "--model", model, "--weights", weights]
    arguments += ["--dtype", dtype, "--size", side, "--format", file_format]
    arguments += [] if levels is None else ["--levels", ",".join(levels)]
    arguments += [] if layout is None else ["--layout", layout]
    arguments += [] if quality is None else ["--codec", "jpeg", "--quality", quality]
    arguments += [] if stage5 else ["--stage5", "false"]
    line = json.loads(run_cairn(*arguments, "--out", folder, "--json"))
    if levels is not None and [level["name"] for level in line["levels"]] != list(levels):
        raise RuntimeError(f"asked for {levels}, the JSON line names {line['levels']}")
    return ROOT / line["path"]


def extract_levels(image, folder, **options):
    """Extracts one image to safetensors; returns {level: array}."""
    from safetensors.numpy import load_file

    return load_file(extract(image, folder, file_format="safetensors", **options))


def export_onnx(path, *, model, weights, side, levels, dtype="float32", layout="nhwc"):
    """Exports a network; returns the JSON line and the path of the file."""
    arguments = ["--weights", weights, "--size", side, "--levels", ",".join(levels), "--dtype", dtype, "--layout", layout]
    return json.loads(run_cairn("export", model, *arguments, "--out", path, "--json")), path


def classify(image, *, model, weights, side, classes):
    """The probability of every class, float64 [classes], of an image of side x side pixels."""
    import numpy as np

    arguments = ["classify", image, "--model", model, "--weights", weights, "--size", side, "--crop-pct", 1]
    line = json.loads(run_cairn(*arguments, "--classes", classes, "--top", classes, "--json"))
    scores = [entry["score"] for entry in line["top"]]
    if sorted(entry["class"] for entry in line["top"]) != list(range(classes)) or scores != sorted(scores)[::-1]:
        raise RuntimeError(f"cairn classify does not name {classes} classes by falling score")
    probabilities = np.zeros(classes)
    for entry in line["top"]:
        probabilities[entry["class"]] = entry["score"]
    return probabilities


def preprocess_image(image, canvas, side):
    """Writes the canvas as PNG; returns the JSON line {"window", "scale", "originalShape"}."""
    return json.loads(run_cairn("preprocess", image, "--size", side, "--out", canvas, "--json"))


def describe(model, side, stage5=True):
    """What `cairn describe --format json` says of a model: {"parameters", "levels", ...}."""
    options = ["--size", side, "--stage5", str(stage5).lower(), "--format", "json"]
    return json.loads(run_cairn("describe", model, *options))
