"""Levels stored as JPEG, put together from an archive by its metadata alone, with Pillow."""

import io
import json
import zipfile

import numpy as np
from PIL import Image

QUALITY = 90
LEAST_SNR = 20
"""In dB. Another order of the axes, or a chunk in another place, gives about 0."""
SAMPLING = 1.5
"""Cairn measures the loss on a sample; in dB, how far it may be from that of the whole level."""


def check_jpeg(results, case, archive, integers):
    """`integers` is {level: uint8 array} of the same extraction without loss."""
    with zipfile.ZipFile(archive) as entries:
        attributes = json.loads(entries.read("zarr.json"))["attributes"]
        levels = {name: read_level(entries, name) for name in integers}
    quantization = {level["name"]: level["quantization"] for level in attributes["levels"]}
    for name, expected in integers.items():
        zero = quantization[name]["zeroPoint"]
        exact = expected.astype(np.float64) - zero
        error = levels[name].astype(np.float64) - zero - exact
        snr = 10 * np.log10((exact**2).sum() / (error**2).sum())
        told = attributes["loss"][name]["snrDb"]
        detail = f"{snr:.1f} dB; the description says {told:.1f}"
        results.check(f"{case} {name} decodes with Pillow", snr >= LEAST_SNR and abs(snr - told) <= SAMPLING, detail)


def read_level(entries, name):
    """An array of a Zarr v3 archive whose codecs are `transpose` (or not), `reshape` and `jpeg`."""
    array = json.loads(entries.read(f"{name}/zarr.json"))
    shape, chunk = array["shape"], array["chunk_grid"]["configuration"]["chunk_shape"]
    *before, reshape, jpeg = array["codecs"]
    if [reshape, jpeg["name"]] != [{"name": "reshape", "configuration": {"shape": [[0, 1], [2]]}}, "jpeg"]:
        raise ValueError(f"{name} has other codecs: {array['codecs']}")
    order = before[0]["configuration"]["order"] if before else [0, 1, 2]
    transposed = [chunk[axis] for axis in order]
    level = np.empty([-(-length // step) * step for length, step in zip(shape, chunk)], np.uint8)
    grid = [range(-(-length // step)) for length, step in zip(shape, chunk)]
    for index in np.ndindex(*map(len, grid)):
        image = Image.open(io.BytesIO(entries.read(f"{name}/c/{'/'.join(map(str, index))}")))
        planes = np.asarray(image).reshape(transposed)
        place = tuple(slice(i * step, (i + 1) * step) for i, step in zip(index, chunk))
        level[place] = planes.transpose(np.argsort(order))
    return level[tuple(map(slice, shape))]
