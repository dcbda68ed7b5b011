"""Writes a feature pyramid as a Zarr v3 group, one array per level."""

import json

import tensorstore as ts

ZSTD_LEVEL = 1
CHUNK_BYTES = 4 << 20


def write_pyramid(folder, levels, axes):
    """Starts to write {name: float16 array of three axes, named by `axes`} to a folder, a Path; gives futures."""
    folder.mkdir(parents=True)
    (folder / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}))
    return [create_array(folder / name, level, axes).write(level) for name, level in levels.items()]


def create_array(path, level, axes):
    """Chunks are slices of the first axis."""
    first, *rest = level.shape
    per_chunk = max(1, min(first, CHUNK_BYTES // level[0].nbytes))
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": str(path)},
        "metadata": {
            "shape": level.shape,
            "data_type": level.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [per_chunk, *rest]}},
            "codecs": [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": ZSTD_LEVEL}}],
            "dimension_names": axes,
        },
    }
    return ts.open(spec, create=True).result()
