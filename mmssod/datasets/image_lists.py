"""Lists images from a folder, a glob, a text list or a COCO json, without reading annotations.

Names of images are written with ``/`` and relative to a root: the folder itself, the glob's fixed
part, or the image prefix of a list or json. A name that leads out of a given root is refused, for
lists and jsons come from elsewhere.
"""

import glob
import logging
import math
import os
import os.path as osp
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from mmengine import fileio
from mmengine.logging import print_log
from mmengine.utils import is_abs

from mmssod.datasets.annotation_files import (
    BACKSLASHES,
    decoded,
    impossible,
    leads_out,
    parse_json,
    require_size,
    shown,
)
from mmssod.datasets.left_out import IMAGE_SUFFIXES, fixed_part, is_image
from mmssod.environment.errors import InputError
from mmssod.structures.image_ids import name_id

ACCEPTED = (
    "a folder, a glob such as 'images/*.jpg', a text list (.txt, one path a line) or a COCO json"
)


class FoundImage(NamedTuple):
    """One image that a source names.

    Attributes:
        path: What the loader opens: the root joined with the name.
        name: The name relative to the root, written with ``/``.
        img_id: The json's id, else a number that stands for the name (:func:`mmssod.structures.image_ids.name_id`).
        width, height: Pixels as the json says; NaN when nothing says it.
    """

    path: str
    name: str
    img_id: int | str
    width: float = math.nan
    height: float = math.nan


def find_images(
    images: str, *, root: str = '', prefix: str = '', backend_args: dict[str, Any] | None = None
) -> list[FoundImage]:
    """All images that ``images`` names, in a fixed order.

    Those of a folder or glob are sorted by name, those of a list or json stay as written.

    Args:
        images: A folder (searched to the bottom), a glob, a text list or a COCO json.
        root: Folder that ``images`` and ``prefix`` are relative to.
        prefix: Folder that the names in a list or json are relative to; a folder or glob must not
            have one.
        backend_args: mmengine's file backend; a glob needs local files.

    Raises:
        FileNotFoundError: ``images`` does not exist, or none of its first files does.
        ValueError: It names no image, or holds something else than it should.
    """
    images, folder = _below(root, images), _below(root, prefix)
    kind = source_kind(images)
    if kind in ('folder', 'glob') and prefix:
        raise InputError(
            f'images={images!r} is a {kind}, which says itself where its images are; the image '
            f"prefix {prefix!r} is for lists and jsons: give data_prefix=dict(img='')"
        )
    if kind == 'folder':
        found = _from_folder(images, backend_args)
    elif kind == 'glob':
        found = _from_glob(images)
    elif kind == 'text list':
        names = _read_text_list(images, backend_args)
        found = [_found(folder, name, name_id(_normal(name)), images) for name in names]
    else:
        found = _from_coco(images, folder, backend_args)
    if not found:
        raise InputError(
            f'no image in {kind} {images!r}; expected files ending in {", ".join(IMAGE_SUFFIXES)}'
        )
    found = _drop_repeated(found, images)
    if kind in ('text list', 'COCO json') and backend_args is None:
        _require_first_files(found, images, folder)
    return found


def read_names(
    source: str, *, root: str = '', backend_args: dict[str, Any] | None = None
) -> list[str]:
    """The image names written in a text list or COCO json (relative to ``root``), in its order."""
    source = _below(root, source)
    kind = source_kind(source)
    if kind == 'text list':
        return [_normal(line) for line in _read_text_list(source, backend_args)]
    if kind == 'COCO json':
        return [_normal(image['file_name']) for image in _read_coco_images(source, backend_args)]
    raise InputError(f'expected a text list (.txt) or a COCO json (.json), got {source!r}')


def source_kind(images: str) -> str:
    """'folder', 'glob', 'text list' or 'COCO json'; an existing folder is one whatever its name."""
    if osp.isdir(images):
        return 'folder'
    suffix = osp.splitext(images)[1].lower()
    if suffix in ('.json', '.txt'):
        return {'.json': 'COCO json', '.txt': 'text list'}[suffix]
    return 'glob' if glob.has_magic(images) else 'folder'


def list_folder(source: str, more: Iterable[str] = ()) -> str:
    """The folder, absolute, that the names in a text list or COCO json are relative to, told by its first name.

    Looked for in the working folder, the list's own, ``images`` beside it, and ``more``.

    Args:
        source: The list or json.
        more: Other folders to look in.

    Returns:
        str: '' where the names are absolute, and the list's own folder where no place has the file.
    """
    names = read_names(source)[:1]
    own = osp.dirname(osp.abspath(source))
    if not names or is_abs(names[0]):
        return '' if names else own
    places = (os.getcwd(), own, osp.join(own, 'images'), *map(osp.abspath, more))
    return next((place for place in places if osp.isfile(osp.join(place, names[0]))), own)


def exclude_names(found: list[FoundImage], names: Iterable[str]) -> list[FoundImage]:
    """``found`` without the images that ``names`` mean; the order stays.

    A name means the image of the same name, else the one whose path ends in it: ``b.jpg`` and
    ``train/b.jpg`` both mean ``/data/train/b.jpg``. Names that mean no image are passed over.

    Raises:
        ValueError: A name fits the ends of several paths.
    """
    by_name = {image.name: image for image in found}
    by_base: dict[str, list[FoundImage]] = {}
    for image in found:
        by_base.setdefault(osp.basename(image.name), []).append(image)
    dropped = set()
    for name in names:
        if name in by_name:
            dropped.add(name)
            continue
        fits = [
            i.name
            for i in by_base.get(osp.basename(name), [])
            if f'/{_normal(i.path)}'.endswith(f'/{name}')
        ]
        if len(fits) > 1:
            raise InputError(
                f'{name!r} to exclude fits {len(fits)} images, {fits[:3]}: write its folder as well'
            )
        dropped.update(fits)
    return [image for image in found if image.name not in dropped]


def _from_folder(folder: str, backend_args: dict[str, Any] | None) -> list[FoundImage]:
    if backend_args is None and osp.isfile(folder):
        raise InputError(
            f'images={folder!r} is a file of another kind; expected {ACCEPTED}; of a film, write its frames as images'
        )
    if backend_args is None and not osp.isdir(folder):
        raise FileNotFoundError(
            f'images={folder!r} does not exist; expected {ACCEPTED}, relative to data_root'
        )
    listed = fileio.list_dir_or_file(
        folder, list_dir=False, recursive=True, backend_args=backend_args
    )
    names = sorted(_normal(name) for name in listed if is_image(_normal(name)))
    return [
        FoundImage(fileio.join_path(folder, name, backend_args=backend_args), name, name_id(name))
        for name in names
    ]


def _from_glob(pattern: str) -> list[FoundImage]:
    root = fixed_part(pattern)
    paths = [path for path in glob.glob(pattern, recursive=True) if osp.isfile(path)]
    names = sorted((_normal(osp.relpath(path, root)), path) for path in paths)
    names = [(name, path) for name, path in names if is_image(name)]
    return [FoundImage(path, name, name_id(name)) for name, path in names]


def _from_coco(path: str, prefix: str, backend_args: dict[str, Any] | None) -> list[FoundImage]:
    images = _read_coco_images(path, backend_args)
    ids = [image.get('id', i) for i, image in enumerate(images)]
    if strange := [key for key in ids if not isinstance(key, (int, str))]:
        raise InputError(
            f'{path!r}: image ids must be whole numbers or text, {len(strange)} are not, such as {strange[0]!r}'
        )
    repeated = [key for key, count in Counter(ids).items() if count > 1]
    if repeated:
        raise InputError(
            f'{path!r}: image ids must be unique, {len(repeated)} are not, such as {repeated[:5]}'
        )
    return [
        _found(
            prefix,
            image['file_name'],
            key,
            path,
            _size(image.get('width')),
            _size(image.get('height')),
        )
        for image, key in zip(images, ids, strict=True)
    ]


def _read_coco_images(path: str, backend_args: dict[str, Any] | None) -> list[dict[str, Any]]:
    try:
        if osp.isfile(path):
            require_size(path)
        content = parse_json(fileio.get(path, backend_args=backend_args), path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'COCO json {path!r} does not exist (paths are relative to data_root)'
        ) from None
    images = content.get('images') if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise InputError(
            f"{path!r} is no COCO json: expected a dict with 'images', got {_outline(content)}"
        )
    for i, image in enumerate(images):
        if (
            not isinstance(image, dict)
            or not isinstance(image.get('file_name'), str)
            or not image['file_name']
        ):
            raise InputError(f"{path!r}: images[{i}] needs a 'file_name', got {image!r}")
    return images


def _read_text_list(path: str, backend_args: dict[str, Any] | None) -> list[str]:
    try:
        text = decoded(fileio.get(path, backend_args=backend_args), path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'text list {path!r} does not exist (paths are relative to data_root)'
        ) from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    for number, line in lines:
        if line and not line.lower().endswith(IMAGE_SUFFIXES):
            raise InputError(
                f'{path!r}, line {number}: expected the path of an image '
                f'({", ".join(IMAGE_SUFFIXES)}), got {line!r}'
            )
    return [line for _, line in lines if line]


def _found(
    prefix: str,
    name: str,
    img_id: int | str,
    source: str,
    width: float = math.nan,
    height: float = math.nan,
) -> FoundImage:
    if impossible(name):
        raise InputError(f'{source!r}: expected names that a file can have, got {shown(name)!r}')
    if leads_out(name, prefix):
        raise InputError(
            f'{source!r} names {name!r}, which lies outside {prefix or "the working folder"!r}; '
            'name files below it, or give the data_root and data_prefix that hold them all'
        )
    name = _normal(name)
    return FoundImage(osp.join(prefix, name), name, img_id, width, height)


def _drop_repeated(found: list[FoundImage], source: str) -> list[FoundImage]:
    unique = list({image.path: image for image in reversed(found)}.values())[::-1]
    if len(unique) < len(found):
        print_log(
            f'{source}: {len(found) - len(unique)} images are listed twice; once is kept',
            'current',
            logging.WARNING,
        )
    return unique


def _require_first_files(found: list[FoundImage], source: str, prefix: str) -> None:
    """Catches a wrong prefix at once; a single missing file is left to the loader to report."""
    first = [image.path for image in found[:16]]
    if not any(osp.isfile(path) for path in first):
        raise FileNotFoundError(
            f'none of the first {len(first)} images of {source!r} exists, not {first[0]!r}; '
            f'names are joined to {prefix!r}: correct data_root or data_prefix=dict(img=...)'
            + (f'; {BACKSLASHES}' if '\\' in first[0] else '')
        )


def _below(root: str, path: str) -> str:
    """``path``, taken from ``root`` unless it is absolute."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f'expected a path, got {path!r}')
    path = os.fspath(path)
    return path if not root or is_abs(path) else osp.join(root, path)


def _size(value: Any) -> float:
    """A positive number of pixels, else NaN."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9
    return float(value) if known else math.nan


def _normal(name: str) -> str:
    return osp.normpath(os.fspath(name)).replace(os.sep, '/')


def _outline(content: Any) -> str:
    return (
        f'a dict with the keys {sorted(content)[:10]}'
        if isinstance(content, dict)
        else type(content).__name__
    )
