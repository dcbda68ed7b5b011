"""Regions that the HTTP API pools, against TensorFlow's `crop_and_resize` and torchvision's `MultiScaleRoIAlign` and
`roi_align`. The server needs no Redis for this.
"""

import json
import shutil
from contextlib import contextmanager
from urllib.request import Request, urlopen

import numpy as np

from cairn import extract
from compare import error_ratio, same_bits
from counting_relay import relayed
from region_references import (
    ADAPTIVE_BOXES,
    ADAPTIVE_CHANNELS,
    OUTPUT,
    POOLINGS,
    STRIDES,
    adaptive_roi_align,
    beyond_border,
    by_level,
    crop_and_resize,
    defined_roi_align,
    detectron2_levels,
    first_of_each_level,
    matterport_levels,
    multi_scale_roi_align,
    norm_boxes,
    tf_crop_and_resize,
    torchvision_levels,
)
from service import service

REGION_BAR = 1e-4
"""A method passes when its largest difference is at most this times the largest value (of the reference)."""

SIDE = 512
"""Of the canvas: large enough that boxes are read from all of P2 to P5."""

MOST_OF_LEVEL = 0.2
"""Of a level's bytes a tenth of its rows may cost: they lie in bands of about 1 MiB."""

MODEL = "mask-rcnn-resnet18"
METHODS = ("matterport", *POOLINGS)
NOBODY = "redis://127.0.0.1:1"


def check_regions(results, scratch):
    cases = {method: f"regions/{method}" for method in METHODS} | {"zarr": "regions/zarr"}
    if not any(map(results.wants, cases.values())):
        return
    with results.case("regions/set-up"), scratch.folder() as folder:
        photo, _ = scratch.photo(SIDE)
        options = dict(model=MODEL, weights="seeded", levels=STRIDES, side=SIDE, file_format="zarr")
        archive = extract(photo, folder, **options)
        with serving(folder / "data", archive) as features:
            levels = {level: open_remote(features, level) for level in STRIDES}
            if results.wants(cases["zarr"]):
                with results.case(cases["zarr"]):
                    check_window(results, cases["zarr"], features, levels["P3"])
                    check_thrift(results, cases["zarr"], features)
            values = {level: array.read().result() for level, array in levels.items()}
            for method in METHODS:
                if results.wants(cases[method]):
                    with results.case(cases[method]):
                        asked = results, cases[method], features, values
                        check_matterport(*asked) if method == "matterport" else check_roi_align(*asked, method)


def check_matterport(results, case, features, values):
    boxes = random_boxes(np.random.default_rng(7), flipped=True)
    ours = regions(features, boxes, "matterport")
    normalized = norm_boxes(boxes, SIDE)
    levels = matterport_levels(normalized, SIDE)
    check_levels(results, case, ours["levels"], levels)
    references = {"the definition": crop_and_resize, "tf.image.crop_and_resize": tf_crop_and_resize}
    for name, pool in references.items():
        expected = by_level(values, levels, lambda level, some: pool(values[level], normalized[some]))
        check_values(results, case, ours["regions"], expected, name)


def check_roi_align(results, case, features, values, method):
    """Boxes that torchvision can pool against torchvision, the others against the definition."""
    boxes = random_boxes(np.random.default_rng(7), flipped=False)
    xyxy = boxes[:, [1, 0, 3, 2]]
    ours = regions(features, xyxy, method)
    levels = torchvision_levels(xyxy) if method == "torchvision" else detectron2_levels(xyxy)
    check_levels(results, case, ours["levels"], levels)

    pooling, lengths = POOLINGS[method], {level: feature.shape[0] for level, feature in values.items()}
    chosen, pooled = ~beyond_border(boxes, levels, lengths, pooling), ours["regions"]
    if method == "torchvision":
        expected = multi_scale_roi_align(values, xyxy[chosen], SIDE)
        check_values(results, case, pooled[chosen], expected, "torchvision.ops.MultiScaleRoIAlign")
    else:
        chosen = first_of_each_level(levels, chosen, ADAPTIVE_BOXES)
        expected = adaptive_roi_align(values, xyxy[chosen], levels[chosen])
        found = pooled[chosen][..., ::ADAPTIVE_CHANNELS]
        check_values(results, case, found, expected, "torchvision.ops.roi_align, aligned")
    rest = ~chosen
    expected = by_level(
        values,
        levels[rest],
        lambda level, some: defined_roi_align(values[level], boxes[rest][some], STRIDES[level], pooling),
    )
    check_values(results, case, pooled[rest], expected, "the definition, for the rest")


def check_levels(results, case, ours, expected):
    counts = {level: int((expected == int(level[1:])).sum()) for level in STRIDES}
    same = ours.dtype == np.uint8 and np.array_equal(ours, expected)
    results.check(f"{case} reads each box from the same level", same and min(counts.values()) > 0, str(counts))


def check_values(results, case, ours, expected, reference):
    ratio, boxes = error_ratio(ours, expected), len(expected)
    detail = f"{boxes} boxes, largest error ratio {ratio:.1e}"
    results.check(f"{case} equals {reference}", ratio <= REGION_BAR, detail)
    results.add_row("regions", method=case.split("/")[1], reference=reference, boxes=boxes, ratio=ratio)


def check_window(results, case, features, remote):
    """A slice that TensorStore reads over HTTP is what the safetensors stream has under the same window."""
    from safetensors.numpy import load

    with urlopen(f"{features}.safetensors?levels=P3&window=100,33,203.5,400") as answer:
        window = load(answer.read())["P3"]
    results.check(f"{case} labels", remote.domain.labels == ("y", "x", "channel"))
    part = remote[100 // 8 : 26, 33 // 8 : 50].read().result()
    results.check(f"{case} a remote slice is the window of a stream", same_bits(np.asarray(part), window))


def check_thrift(results, case, features):
    """A tenth of the canvas' height costs few of a level's bytes, as they are stored and sent, metadata included."""
    rows = SIDE // 10 // STRIDES["P2"]
    with relayed(features) as (through, relay):
        open_remote(through, "P2")[:rows].read().result()
        part = relay.received
    with relayed(features) as (through, relay):
        open_remote(through, "P2").read().result()
        whole = relay.received
    detail = f"{part:,} bytes of {whole:,}: {part / whole:.1%}"
    results.check(f"{case} {rows} of {SIDE // STRIDES['P2']} rows of P2", part <= MOST_OF_LEVEL * whole, detail)


def random_boxes(random, flipped):
    """1,000 boxes [y0, x0, y1, x1] in pixels, float32: of all sizes, and those that are easily got wrong."""
    sides = np.exp(random.uniform(np.log(2), np.log(SIDE), (500, 2)))
    centres = random.uniform(0, SIDE, (500, 2))
    anywhere = np.hstack([centres - sides / 2, centres + sides / 2])
    far = random.uniform(-SIDE, 2 * SIDE, (150, 2))
    outside = np.hstack([far, far + random.uniform(0, SIDE, (150, 2))])
    corners = random.uniform(-20, SIDE + 20, (100, 2))
    flat = np.hstack([corners, corners + random.choice([0, 1], (100, 2)) * random.uniform(0, 200, (100, 2))])
    flat[:50, 2:] = flat[:50, :2]
    pixels = random.integers(-2, SIDE + 2, (100, 2))
    single = np.hstack([pixels, pixels + 1])
    whole = random.integers(0, SIDE // 2, (100, 2))
    sizes = random.choice([1, 8, 56, 111, 112, 113, 224, 447, 448, 512], (100, 1))
    canonical = np.hstack([whole, whole + sizes])
    turned = anywhere[:50, [2, 3, 0, 1]] if flipped else anywhere[:50] + 0.25
    return np.vstack([anywhere, outside, flat, single, canonical, turned]).astype(np.float32)


def regions(features, boxes, method):
    """What the API answers: {"regions": float32 [boxes, 7, 7, channels], "levels": uint8 [boxes]}."""
    from safetensors.numpy import load

    question = {"boxes": boxes.tolist(), "method": method, "outputSize": OUTPUT}
    request = Request(f"{features}/roi-align", json.dumps(question).encode(), {"content-type": "application/json"})
    with urlopen(request) as answer:
        return load(answer.read())


def open_remote(features, level):
    import tensorstore

    return tensorstore.open({"driver": "zarr3", "kvstore": f"{features}.zarr/{level}/"}, read=True).result()


@contextmanager
def serving(data, archive):
    """Serves one archive; gives the address of its feature set."""
    import zipfile

    with zipfile.ZipFile(archive) as entries:
        name = json.loads(entries.read("zarr.json"))["attributes"]["id"]
    (data / "features").mkdir(parents=True)
    shutil.move(archive, data / "features" / f"{name}.zarr.zip")
    with service("api", data, NOBODY) as address:
        yield f"{address}/v1/features/{name}"
