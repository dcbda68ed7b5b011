"""Reads the tensors of a safetensors stream one by one, while the rest is still arriving.

The format: 8 bytes of length, that many bytes of JSON, then the tensors' data. Cairn sends the tensors in the order of
their offsets, with `order=coarse-first` the smallest level first.

Arrays have the type of the stream. Levels that are stored in uint8 are integers, unless the request has `as=float32`.
"""

import json
import struct

import numpy as np

DTYPES = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "U8": np.dtype("u1")}
MAX_HEADER_BYTES = 1 << 20


def read_header(stream):
    """(metadata, tensors): strings by name, and [(name, dtype, shape), ...] in the order of their data."""
    (length,) = struct.unpack("<Q", read_exactly(stream, 8))
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes is no header")
    header = json.loads(read_exactly(stream, length))
    metadata = header.pop("__metadata__", {})
    in_order = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    return metadata, [(name, DTYPES[tensor["dtype"]], tensor["shape"]) for name, tensor in in_order]


def read_tensors(stream, tensors):
    """Yields (name, array) as soon as the last byte of each has arrived."""
    for name, dtype, shape in tensors:
        array = np.empty(shape, dtype)
        fill(stream, memoryview(array).cast("B"))
        yield name, array


def read_exactly(stream, length):
    data = bytearray(length)
    fill(stream, memoryview(data))
    return bytes(data)


def fill(stream, view):
    while view:
        count = stream.readinto(view)
        if not count:
            raise ConnectionError("the stream ended early")
        view = view[count:]
