"""COCO json: one file with images, categories and boxes, whose ``score`` is kept.

Images lie in ``images``, ``JPEGImages``, a folder of the json's name or its own, whichever has them. Boxes with
``iscrowd`` are crowds. The category that Roboflow puts above all others is left out where no box has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmssod.datasets.annotation_files import fill_annotation, plain_name
from mmssod.datasets.formats.base import Coco, LabelFormat, left_out
from mmssod.datasets.preparation import Findings
from mmssod.environment.errors import InputError


class CocoJson(LabelFormat):
    """COCO json; what it says beside boxes is kept."""

    name = 'coco'
    about = 'a COCO json'
    ending = '.json'

    def read(
        self, source: Path, images: Path, asked: Sequence[str] = (), listed: Path | None = None
    ) -> tuple[Coco, Findings]:
        """The json's own entries, ids and sizes."""
        from mmssod.datasets.split import read_coco  # here, so that --help is quick

        coco = read_coco(source)
        categories = [{**entry, 'name': plain_name(entry['name'])} for entry in coco['categories']]
        used = Counter(box['category_id'] for box in coco['annotations'])
        notes = Findings()
        if root := next(
            (c for c in categories if not used[c['id']] and _above(c, categories)), None
        ):
            categories.remove(root)
            notes = Findings(
                (
                    f'category {root["id"]}, {root["name"]!r}, is left out: no box has it, and it stands above all '
                    'others (supercategory)',
                )
            )
        kept = _chosen(categories, [plain_name(name) for name in asked])
        ids = {category['id'] for category in kept}
        boxes = [
            fill_annotation(b) for b in coco['annotations'] if not asked or b['category_id'] in ids
        ]
        by_name = {c['name']: used[c['id']] for c in categories}
        coco = {**coco, 'categories': kept, 'annotations': boxes}
        return coco, notes + left_out(source, by_name, coco)

    def write(self, coco: Coco, out: Path, scores: bool) -> None:
        """Write it whole, scores and all."""
        from mmssod.datasets.split import write_coco

        write_coco(coco, out)

    def image_names(self, file: Path) -> Sequence[str]:
        """Names of its images; boxes are not looked at."""
        from mmssod.datasets.image_lists import read_names

        return read_names(str(file))


def _chosen(categories: Sequence[dict[str, Any]], asked: Sequence[str]) -> list[dict[str, Any]]:
    by_name = {category['name']: category for category in categories}
    if missing := [name for name in asked if name not in by_name]:
        raise InputError(f'classes: {missing} are not in the json, which has {sorted(by_name)}')
    return [by_name[name] for name in asked] or list(categories)


def _above(root: Mapping[str, Any], categories: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a category is the one above all others: 'none' is above it, and one and the same name above them."""
    above = {str(entry.get('supercategory') or 'none') for entry in categories if entry is not root}
    own = str(root.get('supercategory') or 'none')
    if len(above) != 1 or own != 'none':
        return False
    return above == {root['name']} or (above != {'none'} and root.get('supercategory') == 'none')
