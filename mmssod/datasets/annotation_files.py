"""Reads annotation files with a size limit and clear messages about what is wrong with them."""

import codecs
import json
import os
import os.path as osp
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from mmssod.environment.errors import InputError

LIMIT = 'MMSSOD_MAX_ANNOTATION_MB'
"""Environment variable with the greatest size of an annotation file in MB."""
_WINDOWS_ABSOLUTE = re.compile(r'[A-Za-z]:|\\')
DEFAULT_MAX_MB = (
    2000.0  # COCO's largest has 448 MB; read, a json takes some five times its size of memory
)
BACKSLASHES = 'names have backslashes, as Windows writes them: write "/"'
BEYOND = 1e9  # pixels; Python's whole numbers have no end, and those above 1e308 are no float


def max_megabytes() -> float:
    """The greatest size of an annotation file that is read, in MB: ``MMSSOD_MAX_ANNOTATION_MB``, else 2000."""
    return float(os.environ.get(LIMIT) or DEFAULT_MAX_MB)


def require_size(path: str | os.PathLike) -> None:
    """Refuse a local file that is larger than what is read.

    Raises:
        ValueError: names size, limit and how to raise it.
    """
    size, limit = osp.getsize(path) / 1e6, max_megabytes()
    if size > limit:
        raise InputError(
            f'{os.fspath(path)!r} has {size:.0f} MB, at most {limit:.0f} MB of annotations are read, which take five '
            f'times as much memory. If the file is meant, set the environment variable {LIMIT}'
        )


def read_json(path: str | os.PathLike) -> Any:
    """The content of a json file in UTF-8.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is too large, not UTF-8, not JSON, or nested beyond reason; says which, and where.
    """
    path = os.fspath(path)
    if not osp.isfile(path):
        raise FileNotFoundError(f'annotation file {path!r} does not exist')
    require_size(path)
    with open(path, 'rb') as stream:
        content = stream.read()
    return parse_json(content, path)


def parse_json(content: bytes, path: str) -> Any:
    """As ``read_json``, of bytes that were read; ``path`` is what errors call them."""
    try:
        return json.loads(content.decode('utf-8-sig'))
    except UnicodeDecodeError as error:
        raise InputError(f'{path!r} is not a json file in UTF-8: {error}') from error
    except RecursionError:
        raise InputError(
            f'{path!r} is no annotation file: its lists are nested beyond reason'
        ) from None
    except ValueError as error:
        raise InputError(f'{path!r} is not a json file in UTF-8: {error}') from error


def records(content: Any, key: str) -> list[dict[str, Any]]:
    """The dicts in a list of a COCO json; none where it has no such list."""
    found = content.get(key) if isinstance(content, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def read_yaml(path: str | os.PathLike) -> Any:
    """The content of a yaml file in UTF-8.

    Raises:
        ValueError: it is too large, not UTF-8, not yaml, nested beyond reason, or has aliases.
    """
    require_size(path)
    try:
        text = read_text(path)
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise InputError(
                'aliases (*name), of which a few lines can make gigabytes, are not read'
            )
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f'{path}: expected a yaml file of a data set: {error}') from error


def read_text(path: str | os.PathLike) -> str:
    """A text file in UTF-8, or in UTF-16 where its first bytes say so; a byte-order mark is no part of it.

    Raises:
        ValueError: it is in another encoding, or too large.
    """
    require_size(path)
    with open(path, 'rb') as stream:
        return decoded(stream.read(), os.fspath(path))


def decoded(content: bytes, path: str) -> str:
    """As ``read_text``, of bytes that were read; ``path`` is what errors call them."""
    try:
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode('utf-16' if wide else 'utf-8-sig')
    except UnicodeDecodeError as error:
        raise InputError(
            f'{path}: expected a text in UTF-8, {error}: save it in that encoding'
        ) from error


def plain_name(name: str) -> str:
    """The name of a class without blanks around it, accents composed: what looks the same is the same."""
    return unicodedata.normalize('NFC', name).strip().strip('\ufeff')


def fill_annotation(box: dict[str, Any]) -> dict[str, Any]:
    """A copy of a COCO annotation with what some files leave out: ``area`` width * height, ``iscrowd`` 0."""
    area = box.get('area')
    area = area if is_number(area) else box['bbox'][2] * box['bbox'][3]
    return {**box, 'area': area, 'iscrowd': box.get('iscrowd') or 0}


def whole_annotations(boxes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies of COCO's annotations, filled and numbered from 1.

    Numbered, since pycocotools and faster-coco-eval take a true box of id 0 for none: what finds it counts as false.
    """
    return [{**fill_annotation(box), 'id': number} for number, box in enumerate(boxes, start=1)]


def whole_categories(categories: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies of COCO's categories, each with a ``supercategory``, which mmdet's ``coco_error_analysis`` asks for."""
    return [
        {**category, 'supercategory': category.get('supercategory') or 'none'}
        for category in categories
    ]


ISCROWD = ('object', 'ignored', 'background')
"""What boxes with ``iscrowd`` can be in training: crowds of COCO, difficult objects of VOC."""


def as_trained(boxes: Iterable[dict[str, Any]], iscrowd: str) -> list[dict[str, Any]]:
    """COCO's annotations as a labeled set is trained on them.

    Args:
        boxes: The annotations; they are not changed.
        iscrowd: What those with ``iscrowd`` are, one of :data:`ISCROWD`: objects like all others (``iscrowd`` 0),
            ignored (as they are), or background (left out).

    Raises:
        ValueError: ``iscrowd`` is none of these.
    """
    if iscrowd not in ISCROWD:
        raise InputError(f'iscrowd: expected one of {ISCROWD}, got {iscrowd!r}')
    if iscrowd == 'object':
        return [{**box, 'iscrowd': 0} for box in boxes]
    return [box for box in boxes if iscrowd == 'ignored' or not box.get('iscrowd')]


def is_id(value: Any) -> bool:
    """Whether a value can be an id of a COCO json: a whole number or a text."""
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a number of a size that a box can have."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) < BEYOND  # also false for NaN


def leads_out(name: str, root: str) -> bool:
    """Whether the name of an image, as an annotation file has it, leads out of the folder that holds the images.

    By the words alone: ``..`` and absolute names, also as Windows writes them. A symbolic link in the folder was made
    on this machine, not by a file from elsewhere, and is followed. Without a root, absolute names are what was asked
    for, and ``..`` is not.

    Args:
        name: as written, or joined to the root.
        root: the image prefix; '' for the working folder.
    """
    from mmengine.utils import is_abs  # here, so that formats of labels load no torch

    if '://' in name and '://' not in root:
        return True  # a file backend would fetch it from the network
    below = osp.relpath(name, root) if root and is_abs(name) else osp.normpath(name)
    if os.name != 'nt' and _WINDOWS_ABSOLUTE.match(below):
        return True
    return posixpath.normpath(below.replace('\\', '/')).split('/')[0] == '..'


def impossible(name: str) -> bool:
    """Whether no file can have this name: it is empty, holds a NUL, or what this system's encoding of names lacks."""
    try:
        return not os.fsencode(name) or '\0' in name
    except UnicodeEncodeError:
        return True


def shown(text: str, most: int = 200) -> str:
    """Text of an annotation file for a message: shortened, and without what no terminal or log can write."""
    short = text if len(text) <= most else f'{text[:most]}...'
    return ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def examples(entries: Sequence[str], most: int = 5) -> str:
    """The first of many texts of an annotation file for a message, see :func:`shown`."""
    return '; '.join(map(shown, entries[:most])) + ('; ...' if len(entries) > most else '')
