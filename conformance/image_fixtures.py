"""Makes the image fixtures under test/fixtures/images: sound ones, odd ones, and ones that must be refused.

The photographs come with scikit-image; ATTRIBUTION.md beside the fixtures names their authors and licences.
"""

import struct
import zlib

import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import resize

from paths import IMAGES

EXIF_ORIENTATION, ROTATED_CLOCKWISE = 0x0112, 6
PNG_RGB, PNG_16_BIT = 2, 16


def png(width, height, bit_depth, rows):
    """The bytes of an RGB PNG; `rows` are the raw scanlines (big endian at 16 bits), each with its filter byte."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, PNG_RGB, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def sixteen_bit_png(image):
    """uint8 RGB -> a 16-bit PNG of the same colours (v * 257)."""
    rows = (image.astype(">u2") * 257).astype(">u2")
    return png(image.shape[1], image.shape[0], PNG_16_BIT, b"".join(b"\0" + row.tobytes() for row in rows))


def gradients(side):
    """A synthetic image that compresses well: slow gradients, a disc, a box and a line. uint8 [side, side, 3]."""
    y, x = np.mgrid[0:side, 0:side]
    image = np.stack([x * 255 // (side - 1), y * 255 // (side - 1), (x + y) * 255 // (2 * side - 2)], axis=2)
    image[(y - side * 0.35) ** 2 + (x - side * 0.3) ** 2 < (side * 0.18) ** 2] = (240, 60, 40)
    image[int(side * 0.55) : int(side * 0.85), int(side * 0.5) : int(side * 0.9)] = (20, 90, 200)
    image[np.abs(y + x - side) < 3] = 255
    return image.astype(np.uint8)


def shrink(image, height, width):
    return (resize(image, (height, width), anti_aliasing=True) * 255).round().astype(np.uint8)


def write_image_fixtures():
    """Writes every file; the same bytes each time."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    astronaut, coffee, cat = data.astronaut(), data.coffee(), data.chelsea()
    small = shrink(coffee, 64, 96)

    def save(name, image, **options):
        Image.fromarray(image).save(IMAGES / name, **options)

    # Sound images: what preprocessing and the models are compared on.
    save("astronaut.jpg", astronaut, quality=90)
    save("landscape.jpg", coffee, quality=90)
    save("portrait.png", cat[30:261, 120:303], optimize=True)
    save("tiny.png", shrink(astronaut[60:160, 160:300], 5, 7), optimize=True)
    save("square-1024.png", gradients(1024), optimize=True)
    save("square-128.png", shrink(astronaut[0:256, 96:352], 128, 128), optimize=True)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = ROTATED_CLOCKWISE
    save("grey-exif6.jpg", shrink(data.camera(), 160, 213), quality=90, exif=exif)

    # Odd but sound: other colour models, an alpha channel, 16 bits a channel.
    alpha = np.linspace(0, 255, 96).round().astype(np.uint8)[None].repeat(64, axis=0)
    save("alpha.png", np.dstack([small, alpha]), optimize=True)
    Image.fromarray(small).convert("CMYK").save(IMAGES / "cmyk.jpg", quality=90)
    Image.fromarray(small).quantize(32).save(IMAGES / "palette.png", optimize=True)
    (IMAGES / "sixteen-bit.png").write_bytes(sixteen_bit_png(small))

    # To be refused: cut short, not an image, empty, and a few bytes that claim 3.6 thousand million pixels.
    whole = (IMAGES / "landscape.jpg").read_bytes()
    (IMAGES / "truncated.jpg").write_bytes(whole[: len(whole) * 6 // 10])
    (IMAGES / "not-an-image.jpg").write_text("This is a text file whose name ends like a photograph's.\n")
    (IMAGES / "empty.jpg").write_bytes(b"")
    (IMAGES / "huge-header.png").write_bytes(png(60000, 60000, 8, bytes(64)))
