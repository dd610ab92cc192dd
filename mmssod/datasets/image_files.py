"""Checks from its first and last bytes, without decoding, that an image file is complete and of a reasonable size.

Decoders do not always say: OpenCV answers a truncated JPEG with gray where the rest should be.
"""

import io
import struct
import warnings

from mmengine import fileio
from PIL import Image

from mmssod.datasets.decoding import (
    decoding_fault,
    loaded_size,
    lost_grays,
    may_be_wide,
    undecodable,
)
from mmssod.environment.errors import InputError

MAX_PIXELS = 178_956_970  # Pillow's own limit: 512 MB of three channels
MAX_ASPECT = (
    200.0  # beyond, the resize to 1333 x 800 leaves a side of six pixels, to 256 x 256 of one
)

_JPEG, _JPEG_END, _PNG, _PNG_END = b'\xff\xd8', b'\xff\xd9', b'\x89PNG', b'IEND'
_SCAN = 0xDA  # marker of a JPEG's pixels
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers with its size


class UnreadableImageError(InputError):
    """An image file that cannot be trained on: names the file and what is wrong with it."""


def image_fault(
    content: bytes, *, max_pixels: int = MAX_PIXELS, max_aspect: float = MAX_ASPECT
) -> str | None:
    """What is wrong with the bytes of an image; None if nothing shows before decoding.

    Args:
        content: the file's bytes.
        max_pixels: greatest width * height.
        max_aspect: greatest ratio of the longer to the shorter side.
    """
    if not content:
        return 'empty file'
    if cut_off(content):
        return 'truncated'
    try:
        width, height = _stored_size(content) or _size(content)
    except Image.DecompressionBombError:
        return f'more than {2 * MAX_PIXELS} pixels'
    except Exception:  # what has no size to judge may fill the memory
        return undecodable(content)
    if width * height > max_pixels:
        return f'{width} x {height}, more than {max_pixels} pixels'
    if max(width, height) > max_aspect * max(min(width, height), 1):
        return f'{width} x {height} pixels, thinner than 1:{max_aspect:g}'
    return None


def header_size(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the loader will see them, after EXIF; None where no header tells."""
    try:
        return _size(content)
    except Exception:  # a damaged header may raise nearly anything
        return _stored_size(content)


def _size(content: bytes) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of sizes that `image_fault` judges itself
        with Image.open(io.BytesIO(content)) as image:
            return loaded_size(image, lambda: content)


def _stored_size(content: bytes) -> tuple[int, int] | None:
    """Width and height in a PNG's or JPEG's own header, which decoders read even where Pillow gives up."""
    if content.startswith(_PNG) and content[12:16] == b'IHDR' and len(content) >= 24:
        width, height = struct.unpack('>II', content[16:24])
        return width, height
    place = 2 if content.startswith(_JPEG) else len(content)
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack('>HH', content[place + 5 : place + 9])
            return width, height
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return None


def cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end."""
    if content.startswith(_PNG):
        return _PNG_END not in content
    return content.startswith(_JPEG) and content.find(_JPEG_END, _first_scan(content)) < 0


def _first_scan(content: bytes) -> int:
    """Where a JPEG's pixels begin: past its segments, of which one can hold a small JPEG with an end of its own."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
        if marker == _SCAN:
            break
    return place


def file_fault(path: str) -> tuple[str | None, tuple[int, int] | None]:
    """What is wrong with a local image file, see ``image_fault``, and its size as ``header_size`` tells it.

    A file that is no image shows here, too, and, but of JPEG and PNG, one that the decoder cannot read.
    """
    try:
        content = fileio.get(path)
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        return _reason(error), None
    fault, size = image_fault(content), header_size(content)
    fault = fault or decoding_fault(content)
    return fault or ('no image' if size is None else None), size


def loses_grays(path: str) -> bool:
    """Whether 8 bits keep nearly nothing of a local image file, see ``lost_grays``; False of one that is not there."""
    try:
        with open(path, 'rb') as stream:
            head = stream.read(32)
            return may_be_wide(head) and lost_grays(head + stream.read())
    except (OSError, ValueError):
        return False


def _reason(error: Exception) -> str:
    return getattr(error, 'strerror', None) or str(error)
