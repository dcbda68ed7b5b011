"""torchvision's heads on Cairn's features, by the example as it is, against the whole of torchvision's Mask R-CNN."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import numpy as np

from check_detectors import canvas_of
from networks import torchvision
from paths import CLIENT, IMAGES, ROOT
from pyramids import SEED
from service import private_redis, service

MODEL = "torchvision-detection-resnet50"
SCRIPT = ROOT / "examples" / "torchvision-heads" / "detect.py"
RUNNER = ROOT / "conformance" / "torchvision_import.py"
PHOTOS = ("astronaut.jpg", "landscape.jpg")
SIDES = (256, 512)
SCORE_BAR = 1e-3
BOX_BAR = 0.05
"""Largest allowed difference of a side of a box, in pixels of the photo."""

NEARLY_ALL = 0.95
"""Least part of the detections that is the same: of two overlapping boxes with nearly equal scores rounding decides."""

LEAST_DETECTIONS = 10
CERTAINTY = 12.0
"""Factor of the classifier's random weights: some classes stand out, so that there is something to detect."""

WORK_SECONDS = 600


def check_torchvision_heads(results, scratch, quick):
    case = "examples/torchvision-heads"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder, ExitStack() as stack:
        model = detector(canvas_of(PHOTOS[0], SIDES[0], folder).pixels)
        weights = folder / "weights" / f"{MODEL}.pth"
        save(model, weights)
        redis = stack.enter_context(private_redis())
        settings = dict(CAIRN_WEIGHTS_DIR=str(weights.parent))
        address = stack.enter_context(service("all", folder / "data", redis, **settings))
        for side in SIDES[:1] if quick else SIDES:
            found = {line["photo"]: line for line in run_example(address, weights, side)}
            for photo in PHOTOS:
                expected = whole(model, canvas_of(photo, side, folder))
                compare(results, f"{case}/{side}/{photo}", found[str(IMAGES / photo)], expected)


def detector(pixels):
    """torchvision's Mask R-CNN with the norms and the epsilon of its published weights; the weights are random."""
    import torch

    network = torchvision.build_detector("resnet50", frozen_norms=True)
    network.randomise(pixels, SEED)
    model = network.module
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.weight *= CERTAINTY
    return model


def save(model, path):
    import torch

    path.parent.mkdir()
    torch.save(model.state_dict(), path)


def run_example(address, weights, side):
    command = [sys.executable, RUNNER, SCRIPT, "--server", address, "--weights", weights, "--size", side]
    path = os.pathsep.join([str(CLIENT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*map(str, command), *(str(IMAGES / photo) for photo in PHOTOS)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=WORK_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the example ended with {done.returncode}: {done.stderr[-800:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def whole(model, canvas):
    """The detections of the whole network on a canvas: (boxes in pixels of the photo, labels, scores)."""
    import torch

    side = canvas.pixels.shape[0]
    # The canvas is not to be resized.
    model.transform.min_size, model.transform.max_size = (side,), side
    with torch.inference_mode():
        pixels = torch.tensor(canvas.pixels).permute(2, 0, 1) / 255
        (detections,) = model([pixels])
    top, left, *_ = canvas.window
    height, width, *_ = canvas.original_shape
    boxes = (detections["boxes"].numpy() - [left, top, left, top]) / canvas.scale
    boxes = np.clip(boxes, 0, [width, height, width, height])
    return boxes, detections["labels"].numpy(), detections["scores"].numpy()


def compare(results, case, line, expected):
    if not results.check(f"{case} is detected", "error" not in line, line.get("error", "")):
        return
    boxes, labels, scores = expected
    ours = np.array(line["boxes"]).reshape(-1, 4)
    our_labels, our_scores = np.array(line["labels"], int), np.array(line["scores"])
    used, apart, off = set(), 0.0, 0.0
    for box, label, score in zip(boxes, labels, scores, strict=True):
        sides = np.abs(ours - box).max(axis=1, initial=0)
        same = (our_labels == label) & (np.abs(our_scores - score) <= SCORE_BAR) & (sides <= BOX_BAR)
        if same.any():
            index = int(np.where(same, sides, np.inf).argmin())
            used.add(index)
            apart, off = max(apart, float(sides[index])), max(off, float(abs(our_scores[index] - score)))
    most = max(len(scores), len(our_scores))
    detail = f"{len(used)} of {most}, sides within {apart:.1e} pixels, scores within {off:.1e}, best {scores.max(initial=0):.2f}"
    good = len(used) >= NEARLY_ALL * most and most >= LEAST_DETECTIONS
    results.check(f"{case} boxes, labels and scores", good, detail)
