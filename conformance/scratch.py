"""What the checks share and throw away: weight files, photographs of one size, folders for output."""

import shutil
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import resize

from paths import WORK
from weight_files import write_keras_hdf5
from weights import head_weights, random_weights

latest_weights = lru_cache(maxsize=1)(random_weights)


class Scratch:
    """Use as a context manager; everything it made is deleted at the end."""

    def __enter__(self):
        WORK.mkdir(parents=True, exist_ok=True)
        self._root = Path(tempfile.mkdtemp(dir=WORK))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self._root, ignore_errors=True)

    @contextmanager
    def folder(self):
        """A new folder, deleted afterwards."""
        path = tempfile.mkdtemp(dir=self._root)
        try:
            yield Path(path)
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def backbone_weights(self, architecture):
        """A WeightSet (see weights.py), the same each time; the last one is kept."""
        return latest_weights(architecture)

    def hdf5(self, architecture):
        """The path of a whole Mask R-CNN weight file, written on first use."""
        path = self._root / f"mask_rcnn_{architecture}.h5"
        if not path.exists():
            write_keras_hdf5(path, self.backbone_weights(architecture) | head_weights())
        return path

    def photo(self, side):
        """A photograph that preprocessing passes through untouched: its PNG's path, and uint8 RGB [side, side, 3]."""
        path = self._root / f"photo-{side}.png"
        if not path.exists():
            pixels = (resize(data.astronaut(), (side, side), anti_aliasing=True) * 255).round().astype(np.uint8)
            Image.fromarray(pixels).save(path)
        return path, np.asarray(Image.open(path))
