"""Feature pyramids from a Cairn server.

    from cairn_client import Cairn

    with Cairn() as cairn:
        levels = cairn.extract("photo.jpg", levels=["C4", "C5"])

`Cairn` and `AsyncCairn` have the same methods. Errors are `CairnError`, with the server's stable code.
"""

from .aio import AsyncCairn, AsyncFeatureSet, AsyncLevel
from .batches import BatchSet
from .client import Cairn, FeatureSet, Level
from .errors import CairnError
from .protocol import Job, Options
from .streams import Announcement
from .tensors import Levels, Regions

__all__ = [
    "Announcement",
    "AsyncCairn",
    "AsyncFeatureSet",
    "AsyncLevel",
    "BatchSet",
    "Cairn",
    "CairnError",
    "FeatureSet",
    "Job",
    "Level",
    "Levels",
    "Options",
    "Regions",
]
