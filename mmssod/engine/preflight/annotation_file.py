"""Category names of a COCO json without reading all of it, and whether they are those of a config."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mmssod.datasets.annotation_files import plain_name, read_json
from mmssod.environment.errors import InputError
from mmssod.structures import Problem

_KEY = b'"categories"'


def category_names(file: str) -> list[str]:
    """Names of the categories in the file's order, which is the order of the label indices.

    Args:
        file: path of a COCO json.

    Returns:
        list[str]: the names; empty when the file has no categories.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is not JSON, or its categories have no names.
    """
    return list(_category_names(os.path.abspath(file), os.stat(file).st_mtime_ns))


def class_problem(name: str, classes: Sequence[str], file: str) -> Problem | None:
    """Compare configured classes with the categories of a json.

    The label of a box is the place of its category among the json's, so names must agree in order
    too. Categories of the json that are not configured are left out of training: no problem.
    """
    categories = category_names(file)
    configured = set(classes)
    used = [category for category in categories if category in configured]
    if list(classes) == used:
        return None
    missing = [category for category in classes if category not in set(categories)]
    plain = {plain_name(category) for category in categories}
    alike = [category for category in missing if plain_name(category) in plain]
    what = f'{name}: class names missing from its annotation file: {missing}'
    if alike:
        what += f', of which {ascii(alike)} differ only in blanks or in how accents are written'
    fix = (
        'write the names in metainfo=dict(classes=...) exactly as in the file (case and blanks '
        'count), or the reverse'
    )
    if not missing:
        what = f'{name}: classes in another order than in its annotation file'
        fix = 'labels follow the order of the file: write metainfo=dict(classes=...) in that order'
    return Problem(what, f'{list(categories)} (categories of {file})', f'{list(classes)}', fix)


@lru_cache(maxsize=32)
def _category_names(file: str, changed: int) -> tuple[str, ...]:
    categories = _search(file)
    if categories is None:
        content = read_json(file)
        categories = content.get('categories', []) if isinstance(content, dict) else []
    if not _named(categories):
        raise InputError(
            f'{file}: expected "categories": [{{"id": ..., "name": ...}}, ...], got '
            f'{str(categories)[:200]}'
        )
    return tuple(category['name'] for category in categories)


def _named(categories: Any) -> bool:
    return isinstance(categories, list) and all(
        isinstance(category, dict) and isinstance(category.get('name'), str)
        for category in categories
    )


def _search(file: str) -> Any | None:
    """Decode the value after the file's last "categories" key; None when that is not a list."""
    with open(file, 'rb') as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = content.rfind(_KEY)
            if start < 0:
                return None
            start = content.find(b'[', start)
            end = content.find(b']', start)
            text = content[start : end + 1] if 0 <= start < end else b''
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if _named(value) else None
