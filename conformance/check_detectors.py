"""The example detectors as they are, against a real service, and held against Mask R-CNN in Keras and TensorFlow."""

import json
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image

from cairn import preprocess_image
from compare import error_ratio
from paths import IMAGES, ROOT
from preprocess import Canvas
from service import NODE, private_redis, service
from weight_files import write_keras_hdf5

ARCHITECTURE = "resnet50"
MODEL = f"mask-rcnn-{ARCHITECTURE}"
PHOTOS = ("astronaut.jpg", "landscape.jpg")
SIDES = (256, 1024)
SETTLED_ON = (PHOTOS[0], 256)
"""The photo and side that the random weights are made for."""

DETECTORS = {
    "python": [sys.executable, str(ROOT / "examples" / "detector" / "python" / "detector.py")],
    "typescript": [NODE, str(ROOT / "dist" / "examples" / "detector" / "typescript" / "detector.js")],
}
OUTPUTS_BAR = 1e-3
"""Of what a network gives: the largest difference is at most this times the largest value (of the reference)."""

BOX_BAR = 0.01
"""Largest allowed difference of a side of a box, in pixels of the photo."""

PROPOSAL_BAR = 1e-5
"""Likewise of a proposal, in parts of the canvas."""

NEARLY_ALL = 0.9
"""Least part of the detections that is the same from end to end."""

START_SECONDS = 60
WORK_SECONDS = 900


def check_detectors(results, scratch, quick):
    case = "examples/detector"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder, ExitStack() as stack:
        from mask_rcnn import MaskRcnn

        network = MaskRcnn(ARCHITECTURE, canvas_of(*SETTLED_ON, folder).pixels)
        weights = folder / "weights" / f"{MODEL}.h5"
        weights.parent.mkdir()
        write_keras_hdf5(weights, network.weights())
        redis = stack.enter_context(private_redis())
        settings = dict(CAIRN_WEIGHTS_DIR=str(weights.parent))
        address = stack.enter_context(service("all", folder / "data", redis, **settings))
        for side in SIDES[:1] if quick else SIDES:
            found, names = run_detectors(address, weights, folder / str(side), side)
            if side == SIDES[0]:
                check_without_subscription(results, case, address, weights, found)
            for photo, features in names.items():
                canvas = canvas_of(photo, side, folder)
                for language in DETECTORS:
                    name = f"{case}/{language}/{side}/{photo}"
                    outputs = folder / str(side) / language / f"{features}.safetensors"
                    check_detector(results, name, found[language][features], outputs, network, canvas)


def run_detectors(address, weights, folder, side):
    """Starts the detectors, then submits the photos.

    Returns {language: {features id: line}} and {photo: features id}.
    """
    with ExitStack() as stack:
        running = {
            language: stack.enter_context(subscribed(language, address, weights, folder / language))
            for language in DETECTORS
        }
        names = {photo: submit(address, IMAGES / photo, side) for photo in PHOTOS}
        lines = {language: [json.loads(line) for line in finish(detector)] for language, detector in running.items()}
    return {language: {line["features"]: line for line in told} for language, told in lines.items()}, names


def check_without_subscription(results, case, address, weights, found):
    """A set asked for by name gives what it gave when it was announced."""
    for language, told in found.items():
        features, announced = next(iter(told.items()))
        command = [*DETECTORS[language], "--server", address, "--weights", str(weights), "--features", features]
        line = json.loads(subprocess.check_output(command, cwd=ROOT, text=True, timeout=WORK_SECONDS))
        same = all(line[name] == announced[name] for name in ("features", "boxes", "classes", "scores"))
        results.check(f"{case}/{language} gives the same without a subscription", same)


@contextmanager
def subscribed(language, address, weights, outputs):
    """A detector, the only member of a group of its own, once it listens; it ends by itself after all photos."""
    command = [*DETECTORS[language], "--server", address, "--weights", weights, "--outputs", outputs]
    command += ["--group", f"{language}-{outputs.parent.name}", "--consumer", "0", "--once", len(PHOTOS)]
    process = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    overdue = threading.Timer(START_SECONDS, process.kill)
    overdue.start()
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "listening" in line:
                break
        else:
            raise RuntimeError(f"the {language} detector did not start: {''.join(said)[-800:]}")
        overdue.cancel()
        yield process
    finally:
        overdue.cancel()
        process.kill()
        process.wait()


def finish(process):
    """The lines that a detector has printed when it is done."""
    told, said = process.communicate(timeout=WORK_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"a detector ended with {process.returncode}: {said[-800:]}")
    return told.splitlines()


def submit(address, photo, side):
    query = f"model={MODEL}&dtype=float32&size={side}&levels=P2,P3,P4,P5,P6"
    with urlopen(Request(f"{address}/v1/jobs?{query}", photo.read_bytes())) as answer:
        return json.load(answer)["featuresId"]


def canvas_of(photo, side, folder):
    """The pixels that the service's network sees, as a preprocess.Canvas."""
    path = folder / "canvas.png"
    line = preprocess_image(IMAGES / photo, path, side)
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return Canvas(pixels, tuple(line["window"]), line["scale"], tuple(line["originalShape"]))


def check_detector(results, case, line, outputs, network, canvas):
    """Every step from what the detector itself had before it, and the detections from end to end.

    Of two overlapping boxes with nearly equal scores rounding decides which is kept. So boxes are chosen by the
    reference from the detector's own scores, where they must be the same; from end to end nearly all are.
    """
    from mask_rcnn import propose, refine
    from safetensors.numpy import load_file

    if not results.check(f"{case} works on what it is sent", "error" not in line, line.get("error", "")):
        return
    ours = load_file(outputs)
    side = canvas.pixels.shape[0]
    levels = network.levels(canvas.pixels)

    rpn = network.score(levels)
    worst = check_outputs(results, case, ours, rpn)
    proposals = propose(levels, side, ours["scores"], ours["deltas"])
    same = proposals.shape == ours["proposals"].shape and np.abs(proposals - ours["proposals"]).max() <= PROPOSAL_BAR
    results.check(f"{case} proposals", same, f"{len(ours['proposals'])} of {len(rpn['scores'])} anchors")
    worst |= check_outputs(results, case, ours, network.classify(levels, ours["proposals"], side))
    chosen = refine(ours["proposals"], ours["probabilities"], ours["box_deltas"], canvas)
    count, apart = matched(line, chosen)
    same = count == len(chosen.scores) == len(line["scores"]) > 0
    results.check(f"{case} detections", same, f"{len(line['scores'])}, sides within {apart:.1e} pixels")

    proposals = propose(levels, side, **rpn)
    expected = refine(proposals, **network.classify(levels, proposals, side), canvas=canvas)
    count, apart = matched(line, expected)
    most = max(len(expected.scores), len(line["scores"]))
    results.check(f"{case} detections end to end", count >= NEARLY_ALL * most, f"{count} of {most} are the same")
    results.add_row("detector", case=case, worst=max(worst.values()), detections=most, same=count, apart=apart)


def check_outputs(results, case, ours, expected):
    """One check an output of a network; returns {name: error ratio}."""
    ratios = {name: error_ratio(ours[name], values) for name, values in expected.items()}
    for name, ratio in ratios.items():
        results.check(f"{case} {name}", ratio <= OUTPUTS_BAR, f"largest error ratio {ratio:.1e}")
    return ratios


def matched(line, expected):
    """How many detections have a counterpart of their own, in any order, and how far their sides are apart at most."""
    boxes = np.array(line["boxes"]).reshape(-1, 4)
    classes, scores = np.array(line["classes"], int), np.array(line["scores"])
    found, apart = set(), 0.0
    for box, number, score in zip(*expected, strict=True):
        differences = np.abs(boxes - box).max(axis=1, initial=0)
        same = (classes == number) & (np.abs(scores - score) <= OUTPUTS_BAR) & (differences <= BOX_BAR)
        if same.any():
            index = int(np.where(same, differences, np.inf).argmin())
            found.add(index)
            apart = max(apart, float(differences[index]))
    return len(found), apart
