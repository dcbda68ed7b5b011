"""Pools regions as Matterport's `PyramidROIAlign`, Detectron2's `ROIPooler` and torchvision's `MultiScaleRoIAlign` do.

Boxes are float32 [boxes, 4] in pixels of the canvas: [y0, x0, y1, x1], or [x0, y0, x1, y1] where a name says `xyxy`.
`values` is {level: float32 [height, width, channels]}, `levels` the number of each box's level. Regions are float32
[boxes, OUTPUT, OUTPUT, channels]. Places are computed in float32, as all of the three projects do.

torchvision is itself; Detectron2 pools with the same operator. `defined_roi_align` is for what torchvision's Python form
cannot do: it does not take 0 for samples beyond the border of a level, as the C++ and CUDA operators do, and it is slow.
"""

from typing import NamedTuple

import numpy as np

from torchvision_import import load_torchvision

OUTPUT = 7
STRIDES = {"P2": 4, "P3": 8, "P4": 16, "P5": 32}

ADAPTIVE_CHANNELS = 128
ADAPTIVE_BOXES = 20
"""With adaptive sampling torchvision pools every 128th channel of up to 20 boxes of a level: for each bin its Python form
samples as many places as the level has cells, and then drops most of them."""

BOXES_AT_A_TIME = 10
"""With a fixed number of samples."""


class Pooling(NamedTuple):
    aligned: bool
    sampling_ratio: int


POOLINGS = {"detectron2": Pooling(True, 0), "torchvision": Pooling(False, 2)}


def by_level(values, levels, pool):
    """Pools the boxes of each level and puts the regions in the boxes' order."""
    channels = next(iter(values.values())).shape[2]
    regions = np.zeros((len(levels), OUTPUT, OUTPUT, channels), np.float32)
    for number in np.unique(levels):
        some = levels == number
        regions[some] = pool(f"P{number}", some)
    return regions


def norm_boxes(boxes, side):
    """Matterport's `utils.norm_boxes`: the lower right corner lies outside of a box in pixels, and on it normalised."""
    return ((boxes.astype(np.float64) - [0, 0, 1, 1]) / (side - 1)).astype(np.float32)


def matterport_levels(boxes, side):
    """`PyramidROIAlign`'s own operations. The cast of NaN and of infinities is the processor's: the least integer."""
    import tensorflow as tf

    y1, x1, y2, x2 = tf.split(tf.constant(boxes), 4, axis=1)
    area = tf.cast(tf.constant(side * side), tf.float32)
    level = tf.math.log(tf.sqrt((y2 - y1) * (x2 - x1)) / (224.0 / tf.sqrt(area))) / tf.math.log(2.0)
    rounded = tf.round(level).numpy()[:, 0]
    return np.clip(4 + np.nan_to_num(rounded, nan=-99, neginf=-99), 2, 5).astype(int)


def detectron2_levels(xyxy):
    """`assign_boxes_to_levels`."""
    import torch

    x0, y0, x1, y1 = torch.from_numpy(xyxy).unbind(1)
    level = torch.floor(4 + torch.log2(torch.sqrt((x1 - x0) * (y1 - y0)) / 224 + 1e-8))
    return torch.clamp(level, 2, 5).to(torch.int64).numpy()


def torchvision_levels(xyxy):
    import torch

    numbers = [int(level[1:]) for level in STRIDES]
    mapper = load_torchvision().ops.poolers.LevelMapper(min(numbers), max(numbers))
    return mapper([torch.from_numpy(xyxy)]).numpy() + min(numbers)


def tf_crop_and_resize(feature, boxes):
    import tensorflow as tf

    of_image = np.zeros(len(boxes), np.int32)
    return tf.image.crop_and_resize(feature[None], boxes, of_image, (OUTPUT, OUTPUT), method="bilinear").numpy()


def crop_and_resize(feature, boxes):
    """One bilinear sample a bin, the outermost on the box's corners; 0 outside."""
    y, x = (corner_places(boxes[:, axis], boxes[:, axis + 2], feature.shape[axis]) for axis in (0, 1))
    inside = ((y >= 0) & (y <= feature.shape[0] - 1))[:, :, None] & ((x >= 0) & (x <= feature.shape[1] - 1))[:, None]
    y, x = (np.clip(places, 0, length - 1) for places, length in zip((y, x), feature.shape, strict=False))
    return np.where(inside[..., None], bilinear(feature, y[:, :, None], x[:, None, :]), np.float32(0))


def corner_places(start, end, length):
    step = (end - start) * np.float32(length - 1) / np.float32(OUTPUT - 1)
    return start[:, None] * np.float32(length - 1) + np.arange(OUTPUT, dtype=np.float32) * step[:, None]


def multi_scale_roi_align(values, xyxy, side):
    """torchvision's `MultiScaleRoIAlign`, as its detectors call it."""
    ops = load_torchvision().ops
    pooler = ops.MultiScaleRoIAlign(list(STRIDES), OUTPUT, POOLINGS["torchvision"].sampling_ratio)
    maps = {level: channels_first(feature) for level, feature in values.items()}
    return a_few_at_a_time(xyxy, lambda some: pooler(maps, [some], [(side, side)]))


def adaptive_roi_align(values, xyxy, levels):
    """torchvision's `roi_align` as Detectron2's `ROIAlignV2` calls it, of every `ADAPTIVE_CHANNELS`th channel."""
    ops = load_torchvision().ops
    values = {level: feature[..., ::ADAPTIVE_CHANNELS] for level, feature in values.items()}

    def pool(level, some):
        feature, scale = channels_first(values[level]), 1 / STRIDES[level]
        options = dict(sampling_ratio=0, aligned=True)
        return a_few_at_a_time(xyxy[some], lambda few: ops.roi_align(feature, [few], OUTPUT, scale, **options), few=1)

    return by_level(values, levels, pool)


def channels_first(feature):
    import torch

    return torch.from_numpy(np.ascontiguousarray(feature.transpose(2, 0, 1)))[None]


def a_few_at_a_time(boxes, pool, few=BOXES_AT_A_TIME):
    import torch

    parts = [pool(some) for some in torch.from_numpy(boxes).split(few)]
    return torch.cat(parts).numpy().transpose(0, 2, 3, 1)


def beyond_border(boxes, levels, lengths, pooling):
    """Which boxes have a sample more than a cell outside of their level; `lengths` is {level: cells along an axis}."""

    def beyond(box, level):
        name = f"P{level}"
        axes = (sample_places(box[axis], box[axis + 2], lengths[name], STRIDES[name], pooling) for axis in (0, 1))
        return not all(within.all() for _, within, _ in axes)

    return np.array([beyond(box, level) for box, level in zip(boxes, levels, strict=True)])


def first_of_each_level(levels, among, count):
    """Up to `count` boxes of each level, all of them `among`."""
    chosen = np.zeros(len(levels), bool)
    for number in np.unique(levels):
        chosen[np.flatnonzero(among & (levels == number))[:count]] = True
    return chosen


def defined_roi_align(feature, boxes, stride, pooling):
    """The mean of a grid of bilinear samples in each bin, box by box; 0 for samples beyond the border."""
    return np.stack([defined_roi_align_of(feature, box, stride, pooling) for box in boxes])


def defined_roi_align_of(feature, box, stride, pooling):
    (y, in_y, grid_y), (x, in_x, grid_x) = (
        sample_places(box[axis], box[axis + 2], feature.shape[axis], stride, pooling) for axis in (0, 1)
    )
    if y.size == 0 or x.size == 0:
        return np.zeros((OUTPUT, OUTPUT, feature.shape[2]), np.float32)
    samples = bilinear(feature, y[:, None], x[None, :]) * (in_y[:, None] & in_x[None, :])[..., None]
    bins = samples.reshape(OUTPUT, grid_y, OUTPUT, grid_x, feature.shape[2])
    return bins.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)


def sample_places(start, end, length, stride, pooling):
    """Places of the samples of all bins along one axis, which of them count, and how many there are in a bin."""
    f32 = np.float32
    offset = f32(0.5) if pooling.aligned else f32(0)
    scale = f32(1 / stride)
    first = start * scale - offset
    width = end * scale - offset - first
    if not pooling.aligned:
        width = max(width, f32(1))
    bin_width = f32(width / f32(OUTPUT))
    grid = pooling.sampling_ratio or int(np.ceil(bin_width))
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
