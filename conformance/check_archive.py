"""A feature archive (`.zarr.zip`), read with nothing of Cairn's: Python's zipfile and TensorStore."""

import json
import zipfile

import numpy as np

from compare import levels_with_same_bits, within_half_step

DIMENSIONS = ("y", "x", "channel")
ATTRIBUTES = ("id", "model", "family", "weightsDigest", "engine", "device", "imageSha256", "originalShape", "clipped")
"""Group attributes that must be there, whatever their value."""


def open_level(archive, level):
    """One level as TensorStore opens it."""
    import tensorstore

    return tensorstore.open(f"file://{archive}|zip:{level}/|zarr3:", read=True).result()


def check_archive(results, case, archive, expected, attributes):
    """`expected` is {level: array} of the same extraction, from safetensors; `attributes` must be the group's."""
    with zipfile.ZipFile(archive) as entries:
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries.infolist())
        results.check(f"{case} archive is a sound zip, its entries stored", stored and entries.testzip() is None)
        group = json.loads(entries.read("zarr.json"))
    found = group.get("attributes", {})
    wrong = [name for name in ATTRIBUTES if name not in found]
    wrong += [name for name, value in attributes.items() if found.get(name) != value]
    wrong += ["levels"] if {level["name"] for level in found.get("levels", [])} != set(expected) else []
    described = group.get("zarr_format") == 3 and group.get("node_type") == "group" and not wrong
    detail = f"wrong: {', '.join(wrong)}" if wrong else ""
    results.check(f"{case} archive is a Zarr v3 group that describes itself", described, detail)

    stores = {level: open_level(archive, level) for level in expected}
    labels = {store.domain.labels for store in stores.values()}
    results.check(f"{case} archive names its dimensions", labels == {DIMENSIONS}, str(sorted(labels)))
    values = {level: np.asarray(store.read().result()) for level, store in stores.items()}
    results.check(f"{case} archive equals safetensors bit for bit", levels_with_same_bits(values, expected))


def check_packing(results, case, archive, floats):
    """A uint8 archive decodes by the attributes of the CF conventions, in double, to `floats`: {level: float32 array}."""
    with zipfile.ZipFile(archive) as entries:
        described = {level["name"]: level for level in json.loads(entries.read("zarr.json"))["attributes"]["levels"]}
        arrays = {level: json.loads(entries.read(f"{level}/zarr.json")) for level in floats}
    for level, array in arrays.items():
        scale, offset = (array["attributes"][name] for name in ("scale_factor", "add_offset"))
        packed = np.asarray(open_level(archive, level).read().result())
        decoded = packed * np.float64(scale) + offset
        quantization = described[level]["quantization"]
        agree = scale == quantization["scale"] and offset == -scale * quantization["zeroPoint"]
        agree = agree and array["fill_value"] == quantization["zeroPoint"] and packed.dtype == np.uint8
        close = within_half_step(decoded, floats[level], scale)
        results.check(f"{case} {level} decodes by its CF attributes to within half a step", agree and close)
