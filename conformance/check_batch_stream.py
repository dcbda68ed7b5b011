"""The features of a batch as one tar, read while it is made by Python's `tarfile` and by safetensors."""

import io
import json
import tarfile
from contextlib import ExitStack
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image
from skimage import data

from compare import levels_with_same_bits
from service import private_redis, service

PHOTOS = 30
LEVELS = ("C4", "C5")
OPTIONS = "model=mask-rcnn-resnet18&size=256"
PATIENCE_SECONDS = 300


def check_batch_stream(results, scratch):
    case = "batch-stream"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder, ExitStack() as stack:
        redis = stack.enter_context(private_redis())
        address = stack.enter_context(service("all", folder / "data", redis, CAIRN_WEIGHTS_DIR=str(folder / "weights")))
        batch = f"{address}/v1/batches/{submit(address)}"

        sets, unfinished = [], None
        for about, levels in read_stream(f"{batch}/features?levels={','.join(LEVELS)}"):
            if unfinished is None:
                unfinished = "finishedAt" not in read_json(batch)
            sets.append((about, levels))
        results.check(f"{case} sends sets before the batch is finished", unfinished)
        lines = sorted(about["line"] for about, _ in sets)
        results.check(f"{case} has every line once", lines == list(range(1, PHOTOS + 1)), f"{len(sets)} sets")
        named = all(about["name"] == f"{about['line'] - 1}.png" for about, _ in sets)
        results.check(f"{case} names the images", named)
        same = [levels_with_same_bits(levels, alone(address, about)) for about, levels in sets]
        results.check(f"{case} sets are what the server holds", all(same), f"{sum(same)} of {len(same)}")

        middle = PHOTOS // 2
        rest = list(read_stream(f"{batch}/features?levels=C5&after={sets[middle - 1][0]['cursor']}"))
        follows = [about["line"] for about, _ in rest] == [about["line"] for about, _ in sets[middle:]]
        results.check(f"{case} goes on after a cursor", follows, f"{len(rest)} sets")
        absent = list(read_stream(f"{batch}/features?levels=P2"))
        told = len(absent) == PHOTOS and all("error" in about and levels is None for about, levels in absent)
        results.check(f"{case} reports a level that is not held in place of each set", told)


def submit(address):
    """Submits a tar of parts of a photograph, no two alike; returns the batch's id."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        for number in range(PHOTOS):
            y, x = divmod(number, 8)
            image = io.BytesIO()
            Image.fromarray(data.astronaut()[16 * y : 16 * y + 256, 16 * x : 16 * x + 256]).save(image, "PNG")
            member = tarfile.TarInfo(f"{number}.png")
            member.size = image.tell()
            image.seek(0)
            tar.addfile(member, image)
    headers = {"content-type": "application/x-tar"}
    return read_json(Request(f"{address}/v1/batches?{OPTIONS}", body.getvalue(), headers))["id"]


def read_stream(url):
    """Yields what the JSON of each set says, and its {level: array}; None where the JSON reports an error.

    Raises RuntimeError if a member is cut short or has no place there.
    """
    from safetensors.numpy import load

    about = None
    with urlopen(url, timeout=PATIENCE_SECONDS) as answer, tarfile.open(fileobj=answer, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member).read()
            number, _, kind = member.name.partition(".")
            if len(content) != member.size:
                raise RuntimeError(f"{member.name} ended after {len(content)} of {member.size} bytes")
            if kind == "json":
                about = json.loads(content)
                if "error" in about:
                    yield about, None
            elif kind == "safetensors" and int(number) == about["line"]:
                yield about, load(content)
            else:
                raise RuntimeError(f"{member.name} follows the JSON of line {about and about['line']}")


def alone(address, about):
    """The same levels of one set, fetched by themselves."""
    from safetensors.numpy import load

    with urlopen(f"{address}/v1/features/{about['features']['id']}.safetensors?levels={','.join(LEVELS)}") as answer:
        levels = load(answer.read())
    if not all(np.isfinite(level).all() and level.any() for level in levels.values()):
        raise RuntimeError(f"the features of {about['name']} hold no numbers")
    return levels


def read_json(request):
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)
