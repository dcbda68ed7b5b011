"""A feature archive (`.zarr.zip`), read with nothing of Cairn's: Python's zipfile and TensorStore."""

import json
import zipfile

import numpy as np

from compare import levels_with_same_bits

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
