"""The example that fills a folder from a batch, as it is: killed in the middle, started again, compared set by set."""

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from urllib.request import urlopen

import numpy as np
from PIL import Image
from skimage import data

from compare import levels_with_same_bits
from paths import ROOT
from service import private_redis, service

EXAMPLE = ROOT / "examples" / "batch-to-directory"
PHOTOS = 40
"""Enough that there is a middle to kill it in."""

BROKEN = "broken.jpg"
BEFORE_THE_KILL = 5
OPTIONS = "model=mask-rcnn-resnet18&size=256&levels=C4,C5"
WORK_SECONDS = 300


def check_batch_example(results, scratch):
    case = "examples/batch-to-directory"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder, ExitStack() as stack:
        photos, out = folder / "photos", folder / "features"
        names = write_photos(photos)
        redis = stack.enter_context(private_redis())
        settings = dict(CAIRN_WEIGHTS_DIR=str(folder / "weights"))
        address = stack.enter_context(service("all", folder / "data", redis, **settings))
        command = [sys.executable, EXAMPLE / "pipeline.py", photos, out, "--server", address, "--options", OPTIONS]
        command = list(map(str, command))

        before = run_and_kill(command, out)
        state = json.loads((out / "state.json").read_text())
        middle = BEFORE_THE_KILL <= len(before) < PHOTOS
        results.check(f"{case} is killed in the middle", middle, f"{len(before)} of {PHOTOS} sets")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WORK_SECONDS)
        results.check(f"{case} ends when it is run again", done.returncode == 0, done.stderr[-400:])

        same = json.loads((out / "state.json").read_text())["batch"] == state["batch"]
        results.check(f"{case} goes on with its batch", same, state["batch"])
        # The set after which the kill came may have lacked its cursor.
        again = [name for name in before if (out / name).stat().st_mtime_ns != before[name]]
        results.check(f"{case} receives nothing again", len(again) <= 1, f"{len(again)} written twice")
        check_folder(results, case, address, out, names)


def write_photos(folder):
    """Parts of a photograph, no two alike, and a file that is no image. Returns the names of the images."""
    folder.mkdir()
    for number in range(PHOTOS):
        y, x = divmod(number, 8)
        Image.fromarray(data.astronaut()[16 * y : 16 * y + 256, 16 * x : 16 * x + 256]).save(folder / f"{number}.png")
    (folder / BROKEN).write_bytes(b"not an image")
    return {f"{number}.png" for number in range(PHOTOS)}


def sets_in(out):
    """{name: time of writing} of the sets that are whole."""
    return {path.name: path.stat().st_mtime_ns for path in out.glob("0*.json")}


def run_and_kill(command, out):
    """Runs the pipeline until some sets are there, and kills it as hard as can be; returns `sets_in`."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + WORK_SECONDS
    while len(sets_in(out)) < BEFORE_THE_KILL and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    said = process.communicate()[1]
    if not (out / "state.json").exists():
        raise RuntimeError(f"the pipeline ended with {process.returncode}: {said[-800:]}")
    return sets_in(out)


def check_folder(results, case, address, out, names):
    from safetensors.numpy import load

    sys.path.insert(0, str(EXAMPLE))
    try:
        from dataset import FeatureFolder
    finally:
        sys.path.remove(str(EXAMPLE))
    dataset = FeatureFolder(out)
    sets = [dataset[index] for index in range(len(dataset))]
    told = [about["name"] for _, about in sets]
    complete = len(told) == len(names) and set(told) == names
    results.check(f"{case} every image has its set", complete, f"{len(told)} of {len(names)}")
    same = []
    for levels, about in sets:
        with urlopen(f"{address}{about['features']['href']}.safetensors") as answer:
            same.append(levels_with_same_bits(levels, load(answer.read())))
    results.check(f"{case} sets are what the server holds", all(same), f"{sum(same)} of {len(same)}")
    finite = all(np.isfinite(level).all() and level.any() for levels, _ in sets for level in levels.values())
    results.check(f"{case} sets hold numbers", finite and sorted(sets[0][0]) == ["C4", "C5"])
    refused = [json.loads(line) for line in (out / "refused.ndjson").read_text().splitlines()]
    results.check(f"{case} tells what is no image", [line["name"] for line in refused] == [BROKEN], str(refused)[:120])
    parts = list(out.glob("*.part"))
    results.check(f"{case} leaves no parts", not parts, " ".join(path.name for path in parts))
