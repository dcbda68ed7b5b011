"""The two codecs that zarr-python lacks for levels with `codec=jpeg` (docs/archive.md, "JPEG"); they only read.

zarr-python 3 finds them by their entry points. The functions need Pillow and NumPy alone; the classes exist where zarr is
installed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from .tensors import Array


def decode_jpeg(data: bytes, shape: Sequence[int]) -> Array:
    """The elements of one grey JPEG image, uint8, in the shape of its chunk. Raises ValueError where they do not fit."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        height, width = image.height, image.width
        if image.mode != "L" or height * width != int(np.prod(shape)):
            raise ValueError(f"a {image.mode} image of {width}×{height} is no chunk of {list(shape)}")
        return np.asarray(image).reshape(shape)


def reshaped(shape: Sequence[int], groups: Sequence[int | Sequence[int]]) -> tuple[int, ...]:
    """The shape that the `reshape` codec makes: each entry is a length, or the axes whose product it is."""
    return tuple(
        int(np.prod([shape[axis] for axis in group])) if isinstance(group, Sequence) else int(group) for group in groups
    )


def _codecs() -> tuple[type, type]:
    from dataclasses import dataclass, replace

    from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec

    @dataclass(frozen=True)
    class JpegCodec(ArrayBytesCodec):  # type: ignore[misc]
        is_fixed_size = False
        quality: int

        @classmethod
        def from_dict(cls, data: dict[str, Any]) -> Any:
            return cls(**data.get("configuration", {}))

        def to_dict(self) -> dict[str, Any]:
            return {"name": "jpeg", "configuration": {"quality": self.quality}}

        async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
            values = decode_jpeg(chunk_bytes.to_bytes(), chunk_spec.shape)
            return chunk_spec.prototype.nd_buffer.from_numpy_array(values)

        async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
            raise NotImplementedError("this codec only reads")

        def compute_encoded_size(self, input_byte_length: int, _chunk_spec: Any) -> int:
            raise NotImplementedError("the size of a JPEG image is not known in advance")

    @dataclass(frozen=True)
    class ReshapeCodec(ArrayArrayCodec):  # type: ignore[misc]
        is_fixed_size = True
        shape: tuple[Any, ...]

        @classmethod
        def from_dict(cls, data: dict[str, Any]) -> Any:
            groups = data["configuration"]["shape"]
            return cls(tuple(tuple(group) if isinstance(group, list) else group for group in groups))

        def to_dict(self) -> dict[str, Any]:
            groups = [list(group) if isinstance(group, tuple) else group for group in self.shape]
            return {"name": "reshape", "configuration": {"shape": groups}}

        def resolve_metadata(self, chunk_spec: Any) -> Any:
            return replace(chunk_spec, shape=reshaped(chunk_spec.shape, self.shape))

        async def _decode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
            return chunk_array.reshape(chunk_spec.shape)

        async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
            return chunk_array.reshape(reshaped(chunk_spec.shape, self.shape))

        def compute_encoded_size(self, input_byte_length: int, _chunk_spec: Any) -> int:
            return input_byte_length

    return JpegCodec, ReshapeCodec


def __getattr__(name: str) -> Any:
    """Makes the classes when zarr-python loads an entry point."""
    if name not in ("JpegCodec", "ReshapeCodec"):
        raise AttributeError(name)
    globals()["JpegCodec"], globals()["ReshapeCodec"] = _codecs()
    return globals()[name]
