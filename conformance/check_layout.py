"""Archives and safetensors with channels first (`--layout nchw`), against those with channels last."""

import numpy as np

from cairn import extract, extract_levels
from check_archive import open_level
from check_regions import open_remote, serving
from compare import levels_with_same_bits, same_bits

MODEL = "mask-rcnn-resnet18"
LEVELS = ("C5", "P2")
SIDE = 512
"""Of the canvas: so large that P2 is stored in several chunks."""
DIMENSIONS = {"nhwc": ("y", "x", "channel"), "nchw": ("channel", "y", "x")}
FIRST_CHANNELS = 8


def check_layout(results, scratch):
    for dtype in ("float32", "float16", "uint8"):
        case = f"layout/{dtype}"
        if results.wants(case):
            with results.case(case), scratch.folder() as folder:
                check_layouts(results, case, scratch.photo(SIDE)[0], folder, dtype)


def check_layouts(results, case, image, folder, dtype):
    asked = dict(model=MODEL, weights="seeded", levels=LEVELS, side=SIDE, dtype=dtype)
    by_default = extract_levels(image, folder, **asked)
    first, last = (extract_levels(image, folder, layout=layout, **asked) for layout in ("nchw", "nhwc"))
    results.check(f"{case} nhwc is the default", levels_with_same_bits(by_default, last))
    transposed = {level: np.ascontiguousarray(values.transpose(2, 0, 1)) for level, values in last.items()}
    same = levels_with_same_bits(first, transposed)
    results.check(f"{case} safetensors with channels first is the other transposed", same)

    for layout, expected in (("nhwc", last), ("nchw", first)):
        archive = extract(image, folder, layout=layout, file_format="zarr", **asked)
        stores = {level: open_level(archive, level) for level in LEVELS}
        values = {level: np.asarray(store.read().result()) for level, store in stores.items()}
        results.check(f"{case} {layout} archive equals safetensors", levels_with_same_bits(values, expected))
        labels = {store.domain.labels for store in stores.values()}
        results.check(f"{case} {layout} names its dimensions", labels == {DIMENSIONS[layout]}, str(sorted(labels)))
        chunks = {level: store.chunk_layout.read_chunk.shape for level, store in stores.items()}
        bands = all(is_band(chunk, stores[level].shape) for level, chunk in chunks.items())
        bands = bands and chunks["P2"][0] < stores["P2"].shape[0]
        results.check(f"{case} {layout} chunks are bands of the first dimension", bands, str(chunks))
    # The last archive has channels first.
    with serving(folder / "data", archive) as features:
        part = np.asarray(open_remote(features, "P2")[:FIRST_CHANNELS].read().result())
        results.check(f"{case} nchw channels read over HTTP", same_bits(part, first["P2"][:FIRST_CHANNELS]))


def is_band(chunk, shape):
    """Whether chunks are whole but for the first dimension, which they divide."""
    return tuple(chunk[1:]) == tuple(shape[1:]) and shape[0] % chunk[0] == 0
