"""Examines a user's labeled and unlabeled images: counts, imbalance, object sizes, problems."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from terminaltables import AsciiTable

from mmssod.datasets.annotation_files import is_number
from mmssod.datasets.aspect import header_size, of_files
from mmssod.datasets.image_files import file_fault, loses_grays
from mmssod.datasets.image_lists import FoundImage
from mmssod.datasets.preparation import SHOWN, Findings
from mmssod.datasets.split import Coco
from mmssod.structures import Problem

FEW_BOXES = 10
"""A class with fewer labeled boxes is warned of: too few to learn from and to judge by."""
IMBALANCE = 10
"""From this ratio of the most to the least frequent class on, the imbalance is warned of."""
DECODED = 2000
"""Images of a set that are read whole."""
QUICK = ('.jpg', '.jpeg', '.jfif', '.jpe', '.png')
"""Suffixes of images that are not decoded: their ends tell whether they are whole."""


@dataclass(frozen=True)
class LabeledSet:
    """Statistics of a labeled set.

    Args:
        images: Number of images.
        boxes: Boxes by class name, those to be ignored left out.
        boxes_an_image: Mean.
        median_side: Median of the square root of a box's area over that of its image's area, in (0, 1].
        size: Median width and height of the images, pixels.
    """

    images: int
    boxes: dict[str, int]
    boxes_an_image: float
    median_side: float
    size: tuple[int, int]

    @classmethod
    def of(cls, coco: Coco) -> LabeledSet:
        """Count a COCO data set whose images have sizes."""
        areas = {image['id']: image['width'] * image['height'] for image in coco['images']}
        kept = [box for box in coco['annotations'] if not box.get('iscrowd')]
        sides = [
            math.sqrt(max(box['bbox'][2] * box['bbox'][3], 0) / areas[box['image_id']])
            for box in kept
            if areas.get(box['image_id'])
        ]
        return cls(
            images=len(coco['images']),
            boxes=class_counts(coco),
            boxes_an_image=len(kept) / max(len(coco['images']), 1),
            median_side=statistics.median(sides) if sides else 0.0,
            size=_median_size([(image['width'], image['height']) for image in coco['images']]),
        )

    def table(self) -> str:
        """Boxes of each class, most frequent first."""
        total = max(sum(self.boxes.values()), 1)
        counts = Counter(self.boxes).most_common()
        rows = [[name, count, f'{100 * count / total:.1f} %'] for name, count in counts]
        return str(AsciiTable([['class', 'boxes', 'share'], *rows]).table)


def check_labeled(name: str, coco: Coco, images: Path) -> Findings:
    """Look at a labeled set: are its images there, its boxes on them, its classes filled?

    Args:
        name: What the set is, such as ``labeled``.
        coco: COCO data set.
        images: Folder that its file names are relative to.
    """
    paths = {image['id']: images / image['file_name'] for image in coco['images']}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    problems = []
    if not coco['images']:
        fix = 'name another file or folder'
        problems.append(Problem(f'{name}: empty', 'at least one image', 'none', fix))
    if missing:
        what = f'{name}: {len(missing)} of {len(paths)} images are not there'
        expected = f'file names relative to {images}'
        fix = 'name the folder of the images with --images (--val-images)'
        problems.append(Problem(what, expected, ', '.join(missing[:SHOWN]), fix))
    counts = class_counts(coco)
    if coco['images'] and not any(counts.values()):
        crowds = sum(bool(box.get('iscrowd')) for box in coco['annotations'])
        actual = f'{crowds} crowd regions (iscrowd), which are not learned' if crowds else 'none'
        fix = 'name labels with boxes; with --classes, classes that occur'
        fix += '; where these regions are objects, export them with iscrowd 0' if crowds else ''
        problems.append(Problem(f'{name}: no box', 'at least one box', actual, fix))
    problems += _box_problems(name, coco)
    ratio = imbalance(counts)
    lines = () if math.isnan(ratio) else (f'{name}: imbalance of classes {ratio:.1f} : 1',)
    warnings = []
    if empty := [c for c, count in counts.items() if not count]:
        warnings.append(f'{name}: classes without a box: {", ".join(empty)}')
    if few := [f'{c} ({count})' for c, count in counts.items() if 0 < count < FEW_BOXES]:
        warnings.append(f'{name}: classes with fewer than {FEW_BOXES} boxes: {", ".join(few)}')
    if ratio >= IMBALANCE:
        times = f'{ratio:.0f} times the boxes of the rarest'
        warnings.append(f'{name}: the most frequent class has {times}')
    return Findings(lines, tuple(warnings), tuple(problems))


def class_counts(coco: Coco) -> dict[str, int]:
    """Boxes by class name, in the order of categories; those to be ignored left out."""
    names = {category['id']: category['name'] for category in coco['categories']}
    kept = [box for box in coco['annotations'] if not box.get('iscrowd')]
    counts = Counter(names.get(box['category_id']) for box in kept)
    return {name: counts[name] for name in names.values()}


def imbalance(counts: Mapping[str, int]) -> float:
    """Boxes of the most frequent class over those of the rarest that has any; NaN without boxes."""
    filled = [count for count in counts.values() if count]
    return max(filled) / min(filled) if filled else math.nan


def with_sizes(coco: Coco, images: Path) -> Coco:
    """The data set with sizes of all images, read from the files where the json has none; 0 of unreadable ones."""
    filled = list(coco['images'])
    sides = [(image.get('width'), image.get('height')) for image in filled]
    wanted = [n for n, size in enumerate(sides) if not all(is_number(s) and s > 0 for s in size)]
    sizes = of_files(header_size, [str(images / filled[n]['file_name']) for n in wanted])
    for n, (width, height) in zip(wanted, sizes, strict=True):
        known = not math.isnan(width)
        size = dict(width=int(width), height=int(height)) if known else dict(width=0, height=0)
        filled[n] = {**filled[n], **size}
    return {**coco, 'images': filled}


def check_images(name: str, found: Sequence[FoundImage], *, decode: bool = False) -> Findings:
    """Find unusable images and the sizes of the others; of most images only headers are read.

    Args:
        name: What the set is.
        found: Images of the set.
        decode: Whether to read the first 2000 as training does, but for JPEG and PNG, whose ends tell whether they are
            whole, and to look for grays that 8 bits do not keep.
    """
    paths = [image.path for image in found]
    first = paths[:DECODED] if decode else []
    odd = [path for path in first if not path.lower().endswith(QUICK)]
    sizes = list(of_files(header_size, paths))
    faults = dict(zip(odd, (fault for fault, _ in of_files(file_fault, odd)), strict=True))
    dark = [path for path, loses in zip(first, of_files(loses_grays, first), strict=True) if loses]
    bad = [
        f'{path} ({faults[path]})' if faults.get(path) else path
        for path, (width, _) in zip(paths, sizes, strict=True)
        if math.isnan(width) or faults.get(path)
    ]
    good = [(width, height) for width, height in sizes if not math.isnan(width)]
    counts = [f'{name}: {len(found)} images']
    if good:
        counts.append('{}: median size {} x {} px'.format(name, *_median_size(good)))
    problems = gray_problems(name, dark, len(first))
    if bad:
        what = f'{name}: {len(bad)} images cannot be opened'
        expected = 'files that their own headers describe, and that OpenCV decodes'
        fix = 'remove or replace them'
        problems.insert(0, Problem(what, expected, ', '.join(bad[:SHOWN]), fix))
    return Findings(tuple(counts), (), tuple(problems))


def gray_problems(name: str, dark: Sequence[str], looked_at: int) -> list[Problem]:
    """Images of 16 bits whose values are so low that nearly nothing is left of them in 8 bits, if they are many.

    Args:
        name: What the set is.
        dark: Their files.
        looked_at: Number of files that were looked through.
    """
    if 2 * len(dark) <= looked_at:
        return []
    return [
        Problem(
            f'{name}: {len(dark)} of {looked_at} images of 16 bits have values below 4096 alone, such as 12 bits',
            'values up to 65535: 8 bits are read, the upper ones, and of these values 16 grays',
            ', '.join(dark[:SHOWN]),
            'multiply their values, by 16 of 12 bits, and save them again',
        )
    ]


def _box_problems(name: str, coco: Coco) -> list[Problem]:
    sizes = {image['id']: (image.get('width'), image.get('height')) for image in coco['images']}
    outside, flat = [], []
    for box in coco['annotations']:
        width, height = sizes.get(box['image_id'], (None, None))
        x, y, w, h = box['bbox']
        if min(w, h) <= 0:
            flat.append(box['id'])
        elif width and height and (x >= width or y >= height or x + w <= 0 or y + h <= 0):
            outside.append(box['id'])
    kinds = {'boxes without width or height': flat, 'boxes outside their images': outside}
    expected, fix = 'x y w h in pixels, on the image', 'correct or remove them'
    return [
        Problem(f'{name}: {len(ids)} {kind}', expected, f'box ids {ids[:SHOWN]}', fix)
        for kind, ids in kinds.items()
        if ids
    ]


def _median_size(sizes: Sequence[tuple[float, float]]) -> tuple[int, int]:
    if not sizes:
        return 0, 0
    return int(statistics.median(w for w, _ in sizes)), int(statistics.median(h for _, h in sizes))
