import importlib.metadata
import io
import json
import zipfile

import httpx
import numpy as np
import pytest
from cairn_client.zarr_codecs import decode_jpeg, reshaped
from conftest import OPTIONS, PHOTO


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_chunks_of_an_archive_are_decoded_as_its_codecs_say(cairn, server, layout):
    options = OPTIONS | dict(levels="P2", dtype="uint8", codec="jpeg", layout=layout)
    expected = cairn.extract(PHOTO, **options)
    archive = httpx.get(f"{server}/v1/features/{expected.features_id}.zarr.zip").content
    with zipfile.ZipFile(io.BytesIO(archive)) as entries:
        metadata = json.loads(entries.read("P2/zarr.json"))
        chunks = {name: entries.read(name) for name in entries.namelist() if name.startswith("P2/c/")}
    shape = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    found = np.zeros([-(-side // chunk) * chunk for side, chunk in zip(metadata["shape"], shape)], np.uint8)
    for name, data in chunks.items():
        place = tuple(slice(int(i) * n, (int(i) + 1) * n) for i, n in zip(name.split("/")[2:], shape))
        found[place] = decode(metadata["codecs"], data, shape)
    assert np.array_equal(found[tuple(map(slice, metadata["shape"]))], expected["P2"])


def decode(codecs, data, shape):
    """What zarr-python does: the codecs' shapes forwards, their decoding backwards."""
    shapes = [tuple(shape)]
    for codec in codecs[:-1]:
        configuration = codec["configuration"]
        if codec["name"] == "transpose":
            shapes.append(tuple(shapes[-1][axis] for axis in configuration["order"]))
        else:
            shapes.append(reshaped(shapes[-1], configuration["shape"]))
    values = decode_jpeg(data, shapes[-1])
    for codec, before in zip(reversed(codecs[:-1]), reversed(shapes[:-1])):
        if codec["name"] == "transpose":
            values = values.transpose(np.argsort(codec["configuration"]["order"]))
        else:
            values = values.reshape(before)
    return values


def test_a_chunk_of_another_size_is_refused():
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (8, 16)).save(buffer, "JPEG")
    assert decode_jpeg(buffer.getvalue(), (2, 8, 8)).shape == (2, 8, 8)
    with pytest.raises(ValueError, match="no chunk"):
        decode_jpeg(buffer.getvalue(), (2, 8, 9))


def test_zarr_python_finds_the_codecs():
    entries = importlib.metadata.entry_points(group="zarr.codecs")
    found = {entry.name: entry.value for entry in entries if entry.value.startswith("cairn_client")}
    assert found == {"jpeg": "cairn_client.zarr_codecs:JpegCodec", "reshape": "cairn_client.zarr_codecs:ReshapeCodec"}
    zarr = pytest.importorskip("zarr", reason="zarr-python is not installed: the classes were not loaded")
    assert {entry.load().__name__ for entry in entries if entry.name in found} and zarr
