"""Checks the content of a COCO json: reports all problems, with counts and examples.

mmdet reads such files record by record. Some faults stop it with a bare ``KeyError``, others it passes over in silence
(boxes of no size, of another class) or trains on (boxes of another format). Here each has a name, a count and a fix.
Boxes are COCO's ``x y width height`` in pixels.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmssod.datasets.annotation_files import (
    examples,
    is_id,
    is_number,
    leads_out,
    plain_name,
    records,
)
from mmssod.datasets.preparation import Findings
from mmssod.datasets.preparation.image_checks import image_problems
from mmssod.structures import Problem

HUGE = 4.0  # times the image's area: no crop, rounding or sloppy labeling does that
_LISTS = ('images', 'annotations', 'categories')

# What was found -> (what it is, what would be right, the fix). Order of the report.
_ERRORS = {
    'category': ('invalid categories', '{"id": number, "name": text}', 'write both'),
    'category twice': ('categories with a duplicate id or name', 'each once', 'merge them'),
    'image': (
        'invalid images',
        '{"id", "file_name", "width", "height"}, sizes in pixels above 0 and below 1e9',
        'write all four for each image',
    ),
    'image id twice': (
        'duplicate image ids',
        'each once',
        'number them and their boxes anew',
    ),
    'file twice': ('image files that are listed twice', 'each once, all its boxes', 'merge them'),
    'outside': (
        'image names that point outside the image folder',
        'names below it, without ".." and "://"',
        'correct the names, or give the data_root and data_prefix that hold all images',
    ),
    'box': (
        'invalid annotations',
        '{"id", "image_id", "category_id", "bbox": [x, y, width, height], "area"}, finite numbers below 1e9',
        'write all of them; area = width * height where there is no mask',
    ),
    'box id twice': ('duplicate annotation ids', 'each once', 'number them anew, from 1'),
    'stray image': (
        'boxes of images that are not listed',
        'one of "images"',
        'list them, or remove the boxes',
    ),
    'stray category': ('boxes of classes that are not listed', 'one of "categories"', 'list them'),
    'negative': ('boxes of negative width or height', 'sides above 0', 'swap the two corners'),
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
    'all shares': (
        'boxes lie within the first pixel of their images',
        'bbox = [x, y, width, height] in pixels of the image',
        'they are shares of the sides: multiply x and width by the width of the image, y and height by its height',
    ),
    'all reach out': (
        'of {} boxes reach out of their images',
        'bbox = [x, y, width, height] in pixels of the image',
        'are they [x1, y1, x2, y2], or in pixels of another size? Convert them',
    ),
}
_WARNINGS = {
    'small': 'boxes less than a pixel wide or high, or of area 0: left out',
    'off': 'boxes wholly outside their image: left out',
    'reach out': 'boxes that reach out of their image by more than a pixel: trained as they are',
    'other class': 'boxes of classes that are not trained: left out',
    'twin': 'duplicate boxes, of one image, class and place: each counts as an object',
    'crowd': 'boxes with iscrowd: evaluation leaves them out, a labeled set does what its `iscrowd` says',
    'bare image': 'images without a box: left out where filter_cfg.filter_empty_gt is set',
}
_Found = dict[str, list[str]]


def annotation_findings(
    name: str,
    file: str,
    content: Any,
    classes: Sequence[str],
    image_root: str,
    limit: int,
    filter_cfg: Mapping[str, Any] | None = None,
) -> Findings:
    """Everything that shows in the content of a COCO json, and in its images.

    Args:
        name, file, content: of the data set, of its json, and what that holds.
        classes: those that are trained.
        image_root, limit: folder of its images, and how many are read, the first ones.
        filter_cfg: as mmdet's ``CocoDataset`` has it; None, and whether it keeps an image is not asked.

    Returns:
        Findings: problems that stop a run, warnings about what is left out, each with count and examples.
    """
    others = tuple(image_problems(name, records(content, 'images'), image_root, limit))
    lists = content if isinstance(content, dict) else {}
    wrong = [key for key in _LISTS if not isinstance(lists.get(key), list)]
    if wrong:
        what = f'{name}: no COCO json: without the lists {wrong}'
        actual = f'keys {sorted(lists)[:10]} of a {type(content).__name__}'
        fix = 'see docs/own_data.md for the format'
        problem = Problem(what, f'{list(_LISTS)} in {file}', actual, fix)
        return Findings(problems=(problem, *others))
    found: _Found = defaultdict(list)
    names = _check_categories(content['categories'], found)
    sizes = _check_images(content['images'], image_root, found)
    used = {key for key, value in names.items() if value in classes}
    boxes = _check_boxes(content['annotations'], sizes, names, used, found)
    found['bare image'] += [str(key) for key in sizes if not boxes[key]]
    if len(found['share']) > boxes.total():
        found['all shares'] = found['share']
    if len(found['reach out']) > boxes.total() / 2:
        found['all reach out'] = found['reach out']
    problems = [
        Problem(
            f'{name}: {len(found[kind])} {what.format(boxes.total())}',
            expected,
            f'{examples(found[kind])} in {file}',
            fix,
        )
        for kind, (what, expected, fix) in _ERRORS.items()
        if found[kind]
    ]
    if filter_cfg is not None and not (found['image'] or _keeps_one(sizes, boxes, filter_cfg)):
        what = f'{name}: no usable image' + (': filter_cfg leaves out every one' if sizes else '')
        expected = f'at least one image in "images" that filter_cfg={dict(filter_cfg)} keeps'
        boxed = f'{len(boxes)} of them with a box of the classes {list(classes)}, in {file}'
        fix = 'label images, or correct data_root, ann_file and filter_cfg'
        problems.insert(0, Problem(what, expected, f'{len(sizes)} images, {boxed}', fix))
    warnings = [
        f'{name}: {len(found[kind])} {what} ({examples(found[kind])} in {file})'
        for kind, what in _WARNINGS.items()
        if found[kind]
    ]
    return Findings(warnings=tuple(warnings), problems=(*problems, *others))


def _keeps_one(
    sizes: Mapping[Any, tuple[float, float]],
    boxed: Mapping[Any, int],
    filter_cfg: Mapping[str, Any],
) -> bool:
    """Whether mmdet's filter keeps an image."""
    return any(
        min(size) >= filter_cfg.get('min_size', 0)
        and (key in boxed or not filter_cfg.get('filter_empty_gt'))
        for key, size in sizes.items()
    )


def _check_categories(categories: Iterable[Any], found: _Found) -> dict[Any, str]:
    """Category id -> name of those that are sound."""
    names: dict[Any, str] = {}
    for entry, key, name in _values(categories, 'id', 'name'):
        if not is_id(key) or not isinstance(name, str):
            found['category'].append(_short(entry))
        elif key in names or name in names.values():
            found['category twice'].append(f'{key}: {name}')
            names.setdefault(key, name)
        else:
            twins = [n for n in names.values() if plain_name(n) == plain_name(name)]
            found['two names'] += [f'{ascii(twin)}, {ascii(name)}' for twin in twins[:1]]
            names[key] = name
    return names


def _check_images(
    images: Iterable[Any], root: str, found: _Found
) -> dict[Any, tuple[float, float]]:
    """Image id -> width and height of those that are sound."""
    sizes: dict[Any, tuple[float, float]] = {}
    files: Counter[str] = Counter()
    for entry, key, file, *size in _values(images, 'id', 'file_name', 'width', 'height'):
        sized = all(is_number(side) and side > 0 for side in size)
        if not (is_id(key) and isinstance(file, str) and sized):
            found['image'].append(_short(entry))
            continue
        found['image id twice'] += [str(key)] if key in sizes else []
        found['outside'] += [repr(file)] if leads_out(file, root) else []
        sizes[key] = (size[0], size[1])
        files[posixpath.normpath(file)] += 1  # ./a.png is a.png
    found['file twice'] += [file for file, count in files.items() if count > 1]
    return sizes


def _check_boxes(
    annotations: Iterable[Any],
    sizes: Mapping[Any, tuple[float, float]],
    names: Mapping[Any, str],
    used: set[Any],
    found: _Found,
) -> Counter[Any]:
    """Image id -> boxes that are trained, of all images with a box of these classes."""
    ids: set[Any] = set()
    seen: set[tuple[Any, ...]] = set()
    boxes: Counter[Any] = Counter()
    for entry, key, image, category in _values(annotations, 'id', 'image_id', 'category_id'):
        if not all(map(is_id, (key, image, category))):
            found['box'].append(_short(entry))
            continue
        found['box id twice'] += [str(key)] if key in ids else []
        ids.add(key)
        if image not in sizes:
            found['stray image'].append(f'box {key} of image {image}')
        elif category not in names:
            found['stray category'].append(f'box {key} of category {category}')
        elif category not in used:
            found['other class'].append(f'{names[category]}: {key}')
        else:
            kind, said = _box_fault(entry, sizes[image]), f'{key}: {entry.get("bbox")}'[:100]
            if kind != 'box':
                place = (image, category, *entry['bbox'])
                found['twin'] += [said] if place in seen else []
                seen.add(place)
            for each in (kind, 'small') if kind == 'share' else (kind,):
                found[each].append(said)
            boxes[image] += kind in ('', 'reach out', 'crowd')
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


def _values(entries: Iterable[Any], *keys: str) -> Iterator[list[Any]]:
    """Each entry with its values; None for what it lacks, or if it is no dict."""
    for entry in entries:
        yield [entry, *(entry.get(key) if isinstance(entry, dict) else None for key in keys)]


def _short(entry: Any) -> str:
    return repr(entry)[:100]
