"""Regions that the HTTP API pools, against TensorFlow's own `crop_and_resize` and ROIAlign written from its definition.

The conventions are those of Matterport's `PyramidROIAlign`, Detectron2's `ROIPooler` (`ROIAlignV2`) and torchvision's
`MultiScaleRoIAlign` with `roi_align`; the last two packages are not installed. Places are computed in float32, as all
of them do. The server needs no Redis for this.
"""

import json
import shutil
from contextlib import contextmanager
from urllib.request import Request, urlopen

import numpy as np

from cairn import extract
from compare import error_ratio, same_bits
from counting_relay import relayed
from service import service

REGION_BAR = 1e-4
"""A method passes when its largest difference is at most this times the largest value (of the reference)."""

SIDE = 512
"""Of the canvas: large enough that boxes are read from all of P2 to P5."""

MOST_OF_LEVEL = 0.2
"""Of a level's bytes a tenth of its rows may cost: they lie in bands of about 1 MiB."""

LEVELS = {"P2": 4, "P3": 8, "P4": 16, "P5": 32}
MODEL = "mask-rcnn-resnet18"
OUTPUT = 7
SAMPLING = {"detectron2": 0, "torchvision": 2}
NOBODY = "redis://127.0.0.1:1"


def check_regions(results, scratch):
    cases = {method: f"regions/{method}" for method in ("matterport", *SAMPLING)} | {"zarr": "regions/zarr"}
    if not any(map(results.wants, cases.values())):
        return
    with results.case("regions/set-up"), scratch.folder() as folder:
        photo, _ = scratch.photo(SIDE)
        options = dict(model=MODEL, weights="seeded", levels=LEVELS, side=SIDE, file_format="zarr")
        archive = extract(photo, folder, **options)
        with serving(folder / "data", archive) as features:
            levels = {level: open_remote(features, level) for level in LEVELS}
            if results.wants(cases["zarr"]):
                with results.case(cases["zarr"]):
                    check_window(results, cases["zarr"], features, levels["P3"])
                    check_thrift(results, cases["zarr"], features)
            values = {level: array.read().result() for level, array in levels.items()}
            for method in ("matterport", *SAMPLING):
                if results.wants(cases[method]):
                    with results.case(cases[method]):
                        check_method(results, cases[method], features, values, method)


def check_method(results, case, features, values, method):
    boxes = random_boxes(np.random.default_rng(7), flipped=method == "matterport")
    told = boxes if method == "matterport" else boxes[:, [1, 0, 3, 2]]
    ours = regions(features, told, method)
    if method == "matterport":
        normalized = norm_boxes(boxes)
        levels = matterport_levels(normalized)
        check_levels(results, case, ours["levels"], levels)
        references = {"the definition": crop_and_resize, "tf.image.crop_and_resize": tf_crop_and_resize}
        for name, pool in references.items():
            expected = by_level(values, levels, lambda level, some: pool(values[level], normalized[some]))
            check_values(results, case, ours["regions"], expected, name, len(boxes))
    else:
        levels = torch_levels(told, method)
        check_levels(results, case, ours["levels"], levels)
        options = dict(aligned=method == "detectron2", sampling_ratio=SAMPLING[method])
        expected = by_level(
            values, levels, lambda level, some: roi_align(values[level], boxes[some], LEVELS[level], **options)
        )
        check_values(results, case, ours["regions"], expected, "the definition", len(boxes))


def check_levels(results, case, ours, expected):
    counts = {f"P{level}": int((expected == level).sum()) for level in range(2, 6)}
    same = ours.dtype == np.uint8 and np.array_equal(ours, expected)
    results.check(f"{case} reads each box from the same level", same and min(counts.values()) > 0, str(counts))


def check_values(results, case, ours, expected, reference, boxes):
    ratio = error_ratio(ours, expected)
    results.check(f"{case} equals {reference}", ratio <= REGION_BAR, f"largest error ratio {ratio:.1e}")
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
    rows = SIDE // 10 // LEVELS["P2"]
    with relayed(features) as (through, relay):
        open_remote(through, "P2")[:rows].read().result()
        part = relay.received
    with relayed(features) as (through, relay):
        open_remote(through, "P2").read().result()
        whole = relay.received
    detail = f"{part:,} bytes of {whole:,}: {part / whole:.1%}"
    results.check(f"{case} {rows} of {SIDE // LEVELS['P2']} rows of P2", part <= MOST_OF_LEVEL * whole, detail)


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


def by_level(values, levels, pool):
    """Pools the boxes of each level and puts the regions in the boxes' order."""
    channels = next(iter(values.values())).shape[2]
    regions = np.zeros((len(levels), OUTPUT, OUTPUT, channels), np.float32)
    for number in np.unique(levels):
        some = levels == number
        regions[some] = pool(f"P{number}", some)
    return regions


def norm_boxes(boxes):
    """Matterport's `utils.norm_boxes`: the lower right corner lies outside of a box in pixels, and on it normalised."""
    return ((boxes.astype(np.float64) - [0, 0, 1, 1]) / (SIDE - 1)).astype(np.float32)


def matterport_levels(boxes, side=SIDE):
    """`PyramidROIAlign`'s own operations. The cast of NaN and of infinities is the processor's: the least integer."""
    import tensorflow as tf

    y1, x1, y2, x2 = tf.split(tf.constant(boxes), 4, axis=1)
    area = tf.cast(tf.constant(side * side), tf.float32)
    level = tf.math.log(tf.sqrt((y2 - y1) * (x2 - x1)) / (224.0 / tf.sqrt(area))) / tf.math.log(2.0)
    rounded = tf.round(level).numpy()[:, 0]
    return np.clip(4 + np.nan_to_num(rounded, nan=-99, neginf=-99), 2, 5).astype(int)


def torch_levels(boxes, method):
    """`assign_boxes_to_levels` of Detectron2, and torchvision's `LevelMapper`."""
    import torch

    x0, y0, x1, y1 = torch.from_numpy(np.ascontiguousarray(boxes)).unbind(1)
    side = torch.sqrt((x1 - x0) * (y1 - y0)) / 224
    if method == "detectron2":
        level = torch.floor(4 + torch.log2(side + 1e-8))
    else:
        level = torch.floor(4 + torch.log2(side) + torch.tensor(1e-6))
    return torch.clamp(level, 2, 5).to(torch.int64).numpy()


def tf_crop_and_resize(feature, boxes):
    import tensorflow as tf

    of_image = np.zeros(len(boxes), np.int32)
    return tf.image.crop_and_resize(feature[None], boxes, of_image, (OUTPUT, OUTPUT), method="bilinear").numpy()


def crop_and_resize(feature, boxes):
    """One bilinear sample a bin, the outermost on the box's corners; 0 outside. All places in float32."""
    y, x = (corner_places(boxes[:, axis], boxes[:, axis + 2], feature.shape[axis]) for axis in (0, 1))
    inside = ((y >= 0) & (y <= feature.shape[0] - 1))[:, :, None] & ((x >= 0) & (x <= feature.shape[1] - 1))[:, None]
    y, x = (np.clip(places, 0, length - 1) for places, length in zip((y, x), feature.shape, strict=False))
    return np.where(inside[..., None], bilinear(feature, y[:, :, None], x[:, None, :]), np.float32(0))


def corner_places(start, end, length):
    step = (end - start) * np.float32(length - 1) / np.float32(OUTPUT - 1)
    return start[:, None] * np.float32(length - 1) + np.arange(OUTPUT, dtype=np.float32) * step[:, None]


def roi_align(feature, boxes, stride, *, aligned, sampling_ratio):
    """The mean of a grid of bilinear samples in each bin (`roi_align_kernel.cpp`), box by box; boxes are yxyx pixels."""
    return np.stack([roi_align_one(feature, box, stride, aligned, sampling_ratio) for box in boxes])


def roi_align_one(feature, box, stride, aligned, sampling_ratio):
    (y, in_y, grid_y), (x, in_x, grid_x) = (
        sample_places(box[axis], box[axis + 2], feature.shape[axis], stride, aligned, sampling_ratio)
        for axis in (0, 1)
    )
    if y.size == 0 or x.size == 0:
        return np.zeros((OUTPUT, OUTPUT, feature.shape[2]), np.float32)
    samples = bilinear(feature, y[:, None], x[None, :]) * (in_y[:, None] & in_x[None, :])[..., None]
    bins = samples.reshape(OUTPUT, grid_y, OUTPUT, grid_x, feature.shape[2])
    return bins.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)


def sample_places(start, end, length, stride, aligned, sampling_ratio):
    """Places of the samples of all bins along one axis, which of them count, and how many there are in a bin."""
    f32 = np.float32
    offset = f32(0.5) if aligned else f32(0)
    scale = f32(1 / stride)
    first = start * scale - offset
    width = end * scale - offset - first
    if not aligned:
        width = max(width, f32(1))
    bin_width = f32(width / f32(OUTPUT))
    grid = sampling_ratio if sampling_ratio > 0 else int(np.ceil(bin_width))
    bins, samples = np.arange(OUTPUT, dtype=f32)[:, None], np.arange(grid, dtype=f32)[None]
    places = (first + bins * bin_width + (samples + f32(0.5)) * bin_width / f32(max(grid, 1))).ravel()
    counts = (places >= -1) & (places <= length)
    return np.clip(places, 0, length - 1), counts, grid


def bilinear(feature, y, x):
    """The values of a feature map at float32 places within it, by the four cells around each."""
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    y1, x1 = np.minimum(y0 + 1, feature.shape[0] - 1), np.minimum(x0 + 1, feature.shape[1] - 1)
    dy, dx = (y - y0).astype(np.float32)[..., None], (x - x0).astype(np.float32)[..., None]
    top = feature[y0, x0] * (1 - dx) + feature[y0, x1] * dx
    bottom = feature[y1, x0] * (1 - dx) + feature[y1, x1] * dx
    return top * (1 - dy) + bottom * dy


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
