"""What a network gives for one image."""

from typing import NamedTuple

import numpy as np


class Output(NamedTuple):
    """`levels` is {"C1": float32 [height, width, channels], ...}; `probabilities` is [classes], None without a top."""

    levels: dict
    probabilities: np.ndarray | None


def as_output(maps, channels_first=False):
    """{name: batch of one} as frameworks return it, "probabilities" perhaps among it -> Output."""
    maps = {name: np.asarray(value)[0] for name, value in maps.items()}
    probabilities = maps.pop("probabilities", None)
    if channels_first:
        maps = {name: np.ascontiguousarray(level.transpose(1, 2, 0)) for name, level in maps.items()}
    return Output(maps, probabilities)
