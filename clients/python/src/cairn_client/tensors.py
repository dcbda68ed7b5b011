"""Arrays from safetensors, as the server sends them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import CairnError

DTYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "U8": np.dtype("u1")}
MAX_HEADER_BYTES = 1 << 20

Array = npt.NDArray[Any]


class Levels(dict[str, Array]):
    """The levels of an image by name. The arrays are read-only views of what was received."""

    def __init__(self, arrays: Mapping[str, Array], metadata: Mapping[str, str], features_id: str | None) -> None:
        super().__init__(arrays)
        self.metadata = dict(metadata)
        """How the set was made: the attributes of docs/archive.md, as texts."""
        self.features_id = features_id or self.metadata.get("id", "")
        """For `features`, `levels` and `roi_align`."""

    @property
    def strides(self) -> dict[str, int]:
        """Pixels of the canvas per step, by level."""
        strides: dict[str, int] = json.loads(self.metadata["strides"])
        return strides

    @property
    def quantization(self) -> dict[str, dict[str, float]]:
        """Of levels in uint8: an integer `q` stands for `scale * (q - zeroPoint)`."""
        quantization: dict[str, dict[str, float]] = json.loads(self.metadata.get("quantization", "{}"))
        return quantization


class Regions(NamedTuple):
    regions: Array
    """float32 [boxes, height, width, channels]."""
    levels: Array
    """uint8 [boxes]: number of the level that each box was read from."""


def parse_safetensors(body: bytes | bytearray) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays, in the order of their bytes, and the metadata. Raises CairnError `server-failed`."""
    try:
        (length,) = struct.unpack_from("<Q", body)
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(bytes(body[8 : 8 + length]))
        metadata = header.pop("__metadata__", {})
        arrays = {}
        for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = tensor["data_offsets"]
            dtype = DTYPES[tensor["dtype"]]
            array = np.frombuffer(body, dtype, (end - begin) // dtype.itemsize, 8 + length + begin)
            array.flags.writeable = False
            arrays[name] = array.reshape(tensor["shape"])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CairnError("server-failed", f"The response is not safetensors ({error}).") from error
    return arrays, metadata


def parse_levels(body: bytes | bytearray, features_id: str | None = None) -> Levels:
    return Levels(*parse_safetensors(body), features_id)


def parse_regions(body: bytes) -> Regions:
    arrays, _ = parse_safetensors(body)
    return Regions(arrays["regions"], arrays["levels"])
