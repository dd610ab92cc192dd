"""What is wrong inside a COCO json: all of it, counted, with examples.

mmdet reads such files record by record. Some faults stop it with a bare ``KeyError``, others it passes over in silence
(boxes of no size, of another class) or trains on (boxes of another format). Here each has a name, a count and a fix.
Boxes are COCO's ``x y width height`` in pixels.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmssod.datasets.annotation_files import is_id, is_number, leads_out, plain_name, shown
from mmssod.datasets.preparation import Findings
from mmssod.structures import Problem

SHOWN = 5
HUGE = 4.0  # times the image's area: no crop, rounding or sloppy labeling does that
_LISTS = ('images', 'annotations', 'categories')

# What was found -> (what it is, what would be right, the fix). Order of the report.
_ERRORS = {
    'category': (
        'categories that are no categories',
        '{"id": number, "name": text}',
        'write both for each category',
    ),
    'category twice': (
        'categories whose id or name comes twice',
        'each once',
        'merge them, and give their boxes one id; remove one that no box has',
    ),
    'image': (
        'images that are no images',
        '{"id", "file_name", "width", "height"}, sizes in pixels above 0 and below 1e9',
        'write all four for each image',
    ),
    'image id twice': (
        'image ids that come twice',
        'each once',
        'number the images anew, and their boxes with them',
    ),
    'file twice': (
        'image files that are listed twice',
        'each once, with all of its boxes',
        'merge their records; each would be trained with the boxes of the other missing',
    ),
    'outside': (
        'image names that lead out of the folder of the images',
        'names below it, without ".." and "://"',
        'correct the names, or give the data_root and data_prefix that hold all images',
    ),
    'box': (
        'annotations that are no boxes',
        '{"id", "image_id", "category_id", "bbox": [x, y, width, height], "area"}, finite numbers below 1e9',
        'write all of them; area = width * height where there is no mask',
    ),
    'box id twice': (
        'annotation ids that come twice',
        'each once',
        'number the annotations anew, from 1',
    ),
    'stray image': (
        'boxes of images that are not listed',
        'an image_id of "images"',
        'remove the boxes, or list their images',
    ),
    'stray category': (
        'boxes of classes that are not listed',
        'a category_id of "categories"',
        'correct the ids, or list the categories',
    ),
    'negative': (
        'boxes of negative width or height',
        'x y of the upper left corner, width and height above 0',
        'swap the corners before they are subtracted',
    ),
    'two names': (
        'classes whose names differ only in blanks around them or in how accents are written',
        'one name for one class, composed accents (NFC)',
        'merge them, and give their boxes one id',
    ),
    'huge': (
        f'boxes more than {HUGE:g} times as large as their image',
        'boxes in pixels of the image',
        'correct the boxes, or the width and height of their images',
    ),
}
_WARNINGS = {
    'small': 'boxes less than a pixel wide or high, or of area 0: left out',
    'off': 'boxes wholly outside their image: left out',
    'reach out': 'boxes that reach out of their image by more than a pixel: trained as they are',
    'other class': 'boxes of classes that are not trained: left out',
    'twin': 'boxes that are there twice, of one image, class and place: each counts as an object',
    'crowd': 'boxes with iscrowd: evaluation leaves them out, a labeled set does what its `iscrowd` says',
    'bare image': 'images without a box: left out where filter_cfg.filter_empty_gt is set',
}


def annotation_findings(
    name: str, file: str, content: Any, classes: Sequence[str], image_root: str
) -> Findings:
    """Everything that shows in the content of a COCO json.

    Args:
        name: of the data set, for the messages.
        file: where the content is from.
        content: what the json holds.
        classes: those that are trained.
        image_root: folder of its images, for their names.

    Returns:
        Findings: problems that stop a run, warnings about what is left out, each with count and examples.
    """
    wrong = [key for key in _LISTS if not isinstance(_get(content, key), list)]
    if wrong:
        what = f'{name}: no COCO json: without the lists {wrong}'
        keys = (
            f'keys {sorted(content)[:10]}' if isinstance(content, dict) else type(content).__name__
        )
        fix = 'see docs/own_data.md for the format'
        return Findings(problems=(Problem(what, f'{list(_LISTS)} in {file}', keys, fix),))
    found: dict[str, list[str]] = defaultdict(list)
    names = _check_categories(content['categories'], found)
    images = _check_images(content['images'], image_root, found)
    used = {key for key, value in names.items() if value in set(classes)}
    boxes = _check_boxes(content['annotations'], images, names, used, found)
    found['bare image'] += [str(key) for key in images if key not in boxes]
    return _as_findings(name, file, found, sum(boxes.values()))


def no_image_problem(
    name: str, file: str, content: Any, classes: Sequence[str], filter_cfg: Mapping[str, Any]
) -> Problem | None:
    """Whether mmdet would keep no image of a COCO json: an empty list, or all left out by its filter.

    Args:
        name, file, content, classes: see ``annotation_findings``.
        filter_cfg: ``filter_empty_gt`` and ``min_size`` of mmdet's ``CocoDataset``, empty for none.
    """
    if not all(isinstance(_get(content, key), list) for key in _LISTS):
        return None  # said by annotation_findings
    # A list of classes: names may be what cannot stand in a set.
    used = {_hashed(c, 'id') for c in content['categories'] if _get(c, 'name') in list(classes)}
    boxes = content['annotations']
    boxed = {_hashed(box, 'image_id') for box in boxes if _hashed(box, 'category_id') in used}
    least = filter_cfg.get('min_size', 0)
    for image in content['images']:
        size = [n for key in ('width', 'height') if is_number(n := _get(image, key))]
        has_boxes = _hashed(image, 'id') in boxed or not filter_cfg.get('filter_empty_gt')
        if has_boxes and min(size, default=least) >= least:
            return None
    count = len(content['images'])
    return Problem(
        f'{name}: no usable image' + (': filter_cfg leaves out every one' if count else ''),
        'at least one image'
        + (f' that filter_cfg={dict(filter_cfg)} keeps' if count else ' in "images"'),
        f'{count} images, {len(boxed)} of them with a box of the classes {list(classes)}, in {file}',
        'label images, or correct data_root, ann_file' + (' and filter_cfg' if count else ''),
    )


def _as_findings(name: str, file: str, found: Mapping[str, list[str]], boxes: int) -> Findings:
    problems = [
        Problem(
            f'{name}: {len(found[kind])} {what}',
            expected,
            f'{_examples(found[kind])} in {file}',
            fix,
        )
        for kind, (what, expected, fix) in _ERRORS.items()
        if found[kind]
    ]
    if len(found['share']) > boxes:
        problems.append(
            Problem(
                f'{name}: {len(found["share"])} boxes lie within the first pixel of their images',
                'bbox = [x, y, width, height] in pixels of the image',
                f'{_examples(found["share"])} in {file}',
                'they are shares of the sides: multiply x and width by the width of the image, y and height by its '
                'height',
            )
        )
    if len(found['reach out']) > boxes / 2 and boxes:
        problems.append(
            Problem(
                f'{name}: {len(found["reach out"])} of {boxes} boxes reach out of their images',
                'bbox = [x, y, width, height] in pixels of the image',
                f'{_examples(found["reach out"])} in {file}',
                'are they [x1, y1, x2, y2], or in pixels of another size? Convert them',
            )
        )
    warnings = [
        f'{name}: {len(found[kind])} {what} ({_examples(found[kind])} in {file})'
        for kind, what in _WARNINGS.items()
        if found[kind]
    ]
    return Findings(warnings=tuple(warnings), problems=tuple(problems))


def _examples(entries: Sequence[str]) -> str:
    return '; '.join(map(shown, entries[:SHOWN])) + ('; ...' if len(entries) > SHOWN else '')


def _check_categories(categories: Iterable[Any], found: dict[str, list[str]]) -> dict[Any, str]:
    """Category id -> name of those that are sound."""
    names: dict[Any, str] = {}
    for entry in categories:
        key, name = _get(entry, 'id'), _get(entry, 'name')
        if not is_id(key) or not isinstance(name, str):
            found['category'].append(_short(entry))
        elif key in names or name in names.values():
            found['category twice'].append(f'{key}: {name}')
            names.setdefault(key, name)
        else:
            twin = next((n for n in names.values() if plain_name(n) == plain_name(name)), None)
            found['two names'] += [] if twin is None else [f'{ascii(twin)}, {ascii(name)}']
            names[key] = name
    return names


def _check_images(
    images: Iterable[Any], root: str, found: dict[str, list[str]]
) -> dict[Any, tuple[float, float]]:
    """Image id -> width and height of those that are sound."""
    sizes: dict[Any, tuple[float, float]] = {}
    files: Counter[str] = Counter()
    for entry in images:
        key, file = _get(entry, 'id'), _get(entry, 'file_name')
        size = _get(entry, 'width'), _get(entry, 'height')
        if (
            not is_id(key)
            or not isinstance(file, str)
            or not all(is_number(n) and n > 0 for n in size)
        ):
            found['image'].append(_short(entry))
            continue
        if key in sizes:
            found['image id twice'].append(str(key))
        if leads_out(file, root):
            found['outside'].append(repr(file))
        sizes[key] = (size[0], size[1])
        files[posixpath.normpath(file)] += 1  # ./a.png is a.png
    found['file twice'] += [file for file, count in files.items() if count > 1]
    return sizes


def _check_boxes(
    annotations: Iterable[Any],
    images: Mapping[Any, tuple[float, float]],
    names: Mapping[Any, str],
    used: set[Any],
    found: dict[str, list[str]],
) -> Counter[Any]:
    """Image id -> boxes that are trained."""
    ids: set[Any] = set()
    seen: set[tuple[Any, ...]] = set()
    boxes: Counter[Any] = Counter()
    for entry in annotations:
        key, image, category = (_get(entry, n) for n in ('id', 'image_id', 'category_id'))
        if not all(map(is_id, (key, image, category))):
            found['box'].append(_short(entry))
            continue
        if key in ids:
            found['box id twice'].append(str(key))
        ids.add(key)
        if image not in images:
            found['stray image'].append(f'box {key} of image {image}')
        elif category not in names:
            found['stray category'].append(f'box {key} of category {category}')
        elif category not in used:
            found['other class'].append(f'{names[category]}: {key}')
        else:
            kind = _box_fault(entry, images[image])
            if kind != 'box':
                place = (image, category, *entry['bbox'])
                found['twin'] += [f'{key}: {entry["bbox"]}'[:100]] if place in seen else []
                seen.add(place)
            if kind:
                found[kind].append(f'{key}: {_get(entry, "bbox")}'[:100])
            if kind == 'share':
                found['small'].append(found['share'][-1])
            if kind in ('', 'reach out', 'crowd'):
                boxes[image] += 1
    return boxes


def _box_fault(entry: Mapping[str, Any], size: tuple[float, float]) -> str:
    """What is unusual about a box; '' for nothing."""
    box: Any = entry.get('bbox')
    area: Any = entry.get('area')
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, (*box, area))):
        return 'box'
    x, y, width, height = box
    if width < 0 or height < 0:
        return 'negative'
    if width * height > HUGE * size[0] * size[1]:
        return 'huge'
    if min(x, y) >= 0 < min(width, height) and max(x + width, y + height) <= 1 < min(size):
        return 'share'
    if width < 1 or height < 1 or area <= 0:
        return 'small'
    if x >= size[0] or y >= size[1] or x + width <= 0 or y + height <= 0:
        return 'off'
    if entry.get('iscrowd'):
        return 'crowd'
    out = max(-x, -y, x + width - size[0], y + height - size[1])
    return 'reach out' if out > 1 else ''


def _get(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, dict) else None


def _hashed(entry: Any, key: str) -> Any:
    """An id that may stand in a set; None for what is no id."""
    value = _get(entry, key)
    return value if is_id(value) else None


def _short(entry: Any) -> str:
    return repr(entry)[:100]
