"""Features as a dataset of PyTorch: `from cairn_client.torch import CairnDataset`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Unpack

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from .batches import BatchSet
from .client import As, Cairn
from .images import named_images
from .protocol import Options


class CairnDataset(IterableDataset[dict[str, Any]]):
    """The sets of many images as they complete, computed when they are asked for: `{"name": str, level: tensor, …}`.

    `images` as for `Cairn.batch`: a folder or a sequence. Each worker of a `DataLoader` takes every n-th image in a batch and
    a connection of its own. The order is that of completion. Images that fail raise CairnError, or are left out with
    `skip_failed`. An epoch after the first computes nothing: the server has the features.
    """

    def __init__(
        self,
        images: Any,
        *,
        url: str | None = None,
        api_key: str | None = None,
        recursive: bool = False,
        skip_failed: bool = False,
        as_: As = "float32",
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        # Names are read once, so that all workers divide the same list.
        self._images: Sequence[tuple[str, Any]] = list(named_images(images, recursive))
        self._url, self._api_key = url, api_key
        self._skip_failed = skip_failed
        self._as: As = as_
        self._options = options

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        mine = self._images[first::step]
        # A connection does not survive a fork: each worker makes its own.
        with Cairn(self._url, api_key=self._api_key) as client:
            for found in client.batch(mine, as_=self._as, **self._options):
                if found.error is None:
                    yield tensors_of(found)
                elif not self._skip_failed:
                    raise found.error


def tensors_of(found: BatchSet) -> dict[str, Any]:
    # Views of what was received are read-only; PyTorch wants memory of its own.
    levels = {name: torch.from_numpy(np.array(values)) for name, values in (found.levels or {}).items()}
    return {"name": found.name, **levels}
