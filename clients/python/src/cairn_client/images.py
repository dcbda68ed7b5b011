"""Images in all their forms, as what is sent to the server."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import CairnError

if TYPE_CHECKING:
    import PIL.Image

    Image: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | npt.NDArray[np.uint8] | PIL.Image.Image
    """A path, an http(s) URL that the server fetches, an encoded file, pixels `[height, width, 3]` uint8 RGB, or of Pillow."""
else:
    Image = object

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif"})


@dataclass(frozen=True, slots=True)
class Source:
    """Either the bytes of a file, or the URL of one."""

    content: bytes | None = None
    url: str | None = None


def source_of(image: Image) -> Source:
    """Raises CairnError `image-unreadable` for a file that is not there, TypeError for anything that is no image."""
    if isinstance(image, str) and image.lower().startswith(("http://", "https://")):
        return Source(url=image)
    if isinstance(image, (str, os.PathLike)):
        try:
            return Source(content=Path(image).read_bytes())
        except OSError as error:
            raise CairnError("image-unreadable", f"{image}: {error.strerror or error}") from error
    if isinstance(image, (bytes, bytearray, memoryview)):
        return Source(content=bytes(image))
    if isinstance(image, np.ndarray):
        return Source(content=tiff(image))
    # Whoever has an image of Pillow has imported it.
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(image, pillow.Image):
        from PIL import ImageOps

        upright: Any = ImageOps.exif_transpose(image)
        return Source(content=tiff(np.asarray(upright.convert("RGB"))))
    raise TypeError(f"not an image: {type(image).__name__}")


def tiff(pixels: npt.NDArray[Any]) -> bytes:
    """Pixels as an uncompressed TIFF, byte for byte the file that the server makes of them under /v2."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise TypeError(f"pixels are uint8 [height, width, 3], not {pixels.dtype} {list(pixels.shape)}")
    height, width, channels = pixels.shape
    short, long = 3, 4
    directory, entries = 8, 10
    bits = directory + 2 + entries * 12 + 4
    data = bits + channels * 2
    table = (
        (256, long, 1, width),
        (257, long, 1, height),
        (258, short, channels, bits),
        (259, short, 1, 1),
        (262, short, 1, 2),
        (273, long, 1, data),
        (277, short, 1, channels),
        (278, long, 1, height),
        (279, long, 1, height * width * channels),
        (284, short, 1, 1),
    )
    header = struct.pack("<2sHI", b"II", 42, directory) + struct.pack("<H", entries)
    header += b"".join(struct.pack("<HHII", *entry) for entry in table) + bytes(4)
    return header + struct.pack("<3H", 8, 8, 8) + pixels.tobytes()


def named_images(images: Any, recursive: bool) -> Iterator[tuple[str, Any]]:
    """Names and images: the files of a folder by their paths in it; of an iterable those of `(name, image)` pairs, paths and
    URLs, else numbers from 0."""
    if isinstance(images, (str, os.PathLike)):
        folder = Path(images)
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is not a folder")
        found = folder.rglob("*") if recursive else folder.iterdir()
        for path in sorted(path for path in found if path.suffix.lower() in EXTENSIONS and path.is_file()):
            yield path.relative_to(folder).as_posix(), path
        return
    iterable: Iterable[Any] = images
    for index, image in enumerate(iterable):
        if isinstance(image, tuple):
            name, image = image
            yield str(name), image
        elif isinstance(image, (str, os.PathLike)):
            yield str(image), image
        else:
            yield str(index), image
