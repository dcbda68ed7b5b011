"""Slices of a level as windows of the canvas, by which the server reads only the bands that it needs."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from .tensors import DTYPES, Array, Levels

Index: TypeAlias = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]
NAMES = {"float16": DTYPES["F16"], "float32": DTYPES["F32"], "uint8": DTYPES["U8"]}


@dataclass(frozen=True)
class LevelInfo:
    """A level of a feature set, as its description has it."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stride: int
    """Pixels of the canvas per step."""
    layout: str
    size: int
    """Side of the canvas."""
    quantization: Mapping[str, float] | None
    """Of uint8: an integer `q` stands for `scale * (q - zeroPoint)`."""


@dataclass(frozen=True)
class Cut:
    """What to ask for, and what to do with the answer."""

    query: Mapping[str, object] | None
    """None where nothing is wanted."""
    index: tuple[int | slice, ...]
    """Into the array that comes."""
    empty: tuple[int, ...]
    """Shape of the result where nothing is wanted."""

    def apply(self, levels: Levels | None, info: LevelInfo) -> Array:
        if levels is None:
            return np.empty(self.empty, info.dtype)
        return levels[info.name][self.index]


def levels_of(description: Mapping[str, Any]) -> dict[str, LevelInfo]:
    size = description["size"]
    return {
        level["name"]: LevelInfo(
            level["name"],
            tuple(level["shape"]),
            NAMES[level["dtype"]],
            level["stride"],
            level.get("layout", "nhwc"),
            size,
            level.get("quantization"),
        )
        for level in description["levels"]
    }


def cut(info: LevelInfo, index: Index) -> Cut:
    """Raises IndexError as NumPy does; only integers, slices and `...` are taken."""
    parts = normalised(index, len(info.shape))
    rows, columns = (1, 2) if info.layout == "nchw" else (0, 1)
    bounds: dict[int, tuple[int, int]] = {}
    local: list[int | slice] = []
    shape: list[int] = []
    for axis, (part, length) in enumerate(zip(parts, info.shape, strict=True)):
        if isinstance(part, slice):
            wanted = range(*part.indices(length))
            shape.append(len(wanted))
            low, high = (min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1]) + 1) if wanted else (0, 0)
        else:
            at = operator.index(part)
            if not -length <= at < length:
                raise IndexError(f"index {at} is out of bounds for axis {axis} with size {length}")
            wanted, low, high = None, at % length, at % length + 1
        bounds[axis] = low, high
        origin = low if axis in (rows, columns) else 0
        if wanted is None:
            local.append(low - origin)
        elif wanted:
            begin, end = wanted[0] - origin, wanted[-1] - origin
            stop = end + (1 if wanted.step > 0 else -1)
            local.append(slice(begin, stop if stop >= 0 else None, wanted.step))
        else:
            local.append(slice(0, 0))
    if 0 in shape:
        return Cut(None, (), tuple(shape))
    (top, bottom), (left, right) = bounds[rows], bounds[columns]
    # The last step of a level may reach beyond the canvas.
    window = (at * info.stride for at in (top, left, bottom, right))
    return Cut({"levels": info.name, "window": [min(at, info.size) for at in window]}, tuple(local), tuple(shape))


def normalised(index: Index, axes: int) -> list[int | slice]:
    """One index for each axis."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if not all(part is Ellipsis or isinstance(part, slice) or hasattr(part, "__index__") for part in parts):
        raise IndexError("only integers, slices (`:`) and `...` are valid indices of a level on the server")
    places = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(places) > 1 or len(parts) - len(places) > axes:
        raise IndexError(f"too many indices: a level has {axes} axes")
    place = places[0] if places else len(parts)
    fill: list[int | slice] = [slice(None)] * (axes - len(parts) + len(places))
    return parts[:place] + fill + parts[place + len(places) :]  # type: ignore[return-value]
