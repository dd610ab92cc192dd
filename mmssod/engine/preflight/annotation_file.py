"""Category names of a COCO json without reading all of it: a few hundred bytes of many MB."""

from __future__ import annotations

import json
import mmap
import os
from functools import lru_cache
from typing import Any

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


@lru_cache(maxsize=32)
def _category_names(file: str, changed: int) -> tuple[str, ...]:
    categories = _search(file)
    if categories is None:
        with open(file, encoding='utf-8') as stream:
            content = json.load(stream)
        categories = content.get('categories', []) if isinstance(content, dict) else []
    try:
        return tuple(category['name'] for category in categories)
    except (TypeError, KeyError):
        raise ValueError(
            f'{file}: expected "categories": [{{"id": ..., "name": ...}}, ...], got '
            f'{str(categories)[:200]}'
        ) from None


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
    except ValueError:
        return None
    return value if isinstance(value, list) and all('name' in v for v in value) else None
