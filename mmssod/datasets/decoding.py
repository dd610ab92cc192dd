"""Checks the result of image decoding: failed, wrong size, or gray areas from missing data."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import cv2
import mmcv
import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

SWAPPED = (5, 6, 7, 8)
"""EXIF orientations that swap width and height; the loader turns such images upright."""
ALIKE = 16
"""The brightest of 12 bits in a file of 16, read as 8 bits: the loader drops the lower ones."""

_ENDED = (b'\xff\xd8', b'\x89PNG')  # formats whose last bytes say whether they are whole
_TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_BITS, _BANDS, _FORMAT = 258, 277, 339  # TIFF's tags
_FLOAT = 3  # a value of the last one


def decode(content: bytes, flag: str = 'color') -> np.ndarray | None:
    """Pixels as the loader sees them, BGR, shape (H, W, 3), uint8; None where they cannot be decoded."""
    try:
        image: np.ndarray | None = mmcv.imfrombytes(content, flag=flag, backend='cv2')
    except cv2.error:
        return None
    return image


def loaded_size(image: Image.Image, read: Callable[[], bytes]) -> tuple[int, int]:
    """Width and height as the loader will see them.

    JPEG and PNG are turned upright. Of other formats with an orientation that swaps both sides it depends on OpenCV,
    and whether ``Image.size`` is swapped already on Pillow: such an image is decoded.

    Args:
        image: opened, not loaded.
        read: gives all bytes of it.
    """
    width, height = image.size
    if image.getexif().get(ExifTags.Base.Orientation) in SWAPPED:
        if image.format in ('JPEG', 'MPO', 'PNG'):
            return height, width
        pixels = decode(read())
        if pixels is not None:
            height, width = pixels.shape[:2]
    return width, height


def decoding_fault(content: bytes) -> str | None:
    """Why an image cannot be trained on that its header and its end do not tell of; None if it can.

    JPEG and PNG are not decoded: their ends say whether they are whole.
    """
    if not content.startswith(_ENDED) and decode(content) is None:
        return undecodable(content)
    if content.startswith(b'RIFF') and _orientation(content) not in (None, 0, 1):
        return 'WebP with an EXIF orientation, by which it is not turned: save it upright'
    return None


def undecodable(content: bytes) -> str:
    """Describes an image that could not be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            if content.startswith(_TIFF) and (found := _samples(content)):
                return found
            with Image.open(io.BytesIO(content)) as image:
                return f'a truncated or damaged {image.format}'
    except Exception:  # a damaged file may raise nearly anything
        known = _TIFF + (b'BM', b'GIF8', b'RIFF', b'\0\0\0\x0cjP')
        return 'a truncated or damaged image' if content.startswith(known) else 'no image'


def may_be_wide(head: bytes) -> bool:
    """Whether an image that begins with these bytes, 25 at least, can have 16 bits."""
    if head.startswith(b'\x89PNG'):
        return head[24:25] == b'\x10'
    return head.startswith((b'P5', b'P6', *_TIFF))


def lost_grays(content: bytes) -> bool:
    """Whether an image of 16 bits has only dark values, such as 12 bits, of which at most 16 grays are left in 8."""
    pixels = decode(content, 'unchanged')
    if pixels is None or pixels.dtype != np.uint16 or not pixels.max():
        return False
    seen = decode(content)
    return seen is not None and int(seen.max()) <= ALIKE  # some are rounded up


def _samples(content: bytes) -> str:
    """What a TIFF consists of that OpenCV cannot decode; '' if it is not that."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
    stream = io.BytesIO(content)
    stream.seek(tags.next)
    tags.load(stream)
    bits, bands = max(tags.get(_BITS, (8,))), tags.get(_BANDS, 1)
    if bits > 16:
        kind = 'floats' if _FLOAT in tags.get(_FORMAT, ()) else 'samples'
        return f'a TIFF of {bits}-bit {kind}: save it with 8 or 16 bits'
    return f'a TIFF of {bands} bands: save three of them' if bands > 4 else ''


def _orientation(content: bytes) -> int | None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            found: int | None = image.getexif().get(ExifTags.Base.Orientation)
            return found
    except Exception:
        return None
