"""Detections of another detector, as COCO json. ``N`` boxes of one image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from mmssod.datasets.annotation_files import examples, read_json, records
from mmssod.evaluation.detections import certainties, corners
from mmssod.structures import Problem, raise_together


@dataclass(frozen=True)
class ImageDetections:
    """Detections of one image in a file.

    Args:
        boxes: ``x1 y1 x2 y2`` in pixels of the image file, shape (N, 4), float32.
        labels: Classes of the student, shape (N,).
        p, v: Certainties, shape (N,); v is 1 where the file has none.
        size: Height and width that the file says; None if it does not.
    """

    boxes: np.ndarray
    labels: np.ndarray
    p: np.ndarray
    v: np.ndarray
    size: tuple[int, int] | None


@dataclass(frozen=True)
class DetectionsFile:
    """A file of detections, with the meaning of its class ids.

    Args:
        file: COCO detections (a list with ``image_id``, ``category_id``, ``bbox`` and ``score``), or a COCO data set
            whose annotations may have scores; those without, such as a person's, count 1.
        images: COCO json with the ``images`` and ``categories`` that the ids of a list belong to.
        classes: The student's, in order.
        names: The file's name of a class -> the student's, or None to leave it out. Others keep their name.

    Raises:
        ValueError: A list without ``images``; a name that is no class of the student; ids that ``images`` lacks.
    """

    file: str
    classes: tuple[str, ...]
    images: str = ''
    names: Mapping[str, str | None] | None = None

    def read(self) -> dict[str, ImageDetections]:
        """The detections of each image by the name of its file, without folders; images without one are there, too."""
        content = read_json(self.file)
        whole = content
        if isinstance(content, list):
            if not self.images:
                told = 'a list of detections, whose ids have no meaning without their images'
                fix = "name the COCO json that was predicted on in the labeler's `images`"
                what = f'{self.file}: detections without their images'
                raise_together([Problem(what, 'a COCO json with images and categories', told, fix)])
            whole = read_json(self.images)
        boxes = content if isinstance(content, list) else records(content, 'annotations')
        boxes = [{'score': 1.0, **box} for box in boxes]
        raise_together(list(self.problems(whole, boxes)), f'in {self.file}')
        return self._by_name(whole, boxes)

    def class_of(self, category: str) -> str | None:
        """The student's name of a class of the file; None leaves it out."""
        return (self.names or {}).get(category, category)

    def problems(self, whole: Mapping[str, Any], boxes: Sequence[dict]) -> Iterator[Problem]:
        """Problems: unknown names and ids."""
        used = {box['category_id'] for box in boxes}
        named = {each['id']: each['name'] for each in records(whole, 'categories')}
        targets = {named[key]: self.class_of(named[key]) for key in used & named.keys()}
        unknown = sorted(
            name for name, target in targets.items() if target not in (None, *self.classes)
        )
        if unknown:
            yield Problem(
                'names of classes that the student does not have',
                f'one of {list(self.classes)}, or a line in `names`',
                examples(unknown),
                f"write names={{{unknown[0]!r}: '...'}} in the labeler, with None to leave a class out",
            )
        for key, kind in (('image_id', 'images'), ('category_id', 'categories')):
            strange = {box[key] for box in boxes} - {each['id'] for each in records(whole, kind)}
            if strange:
                yield Problem(
                    f'detections of unknown {kind}',
                    f'values of {key} among the {len(records(whole, kind))} {kind}',
                    examples(sorted(map(str, strange))),
                    'give the file that was predicted on as `images`',
                )
        counts = Counter(PurePath(each['file_name']).name for each in records(whole, 'images'))
        twice = sorted(name for name, count in counts.items() if count > 1)
        if twice:
            yield Problem(
                'images whose files have one name in several folders',
                'names that differ without their folders, by which images are found',
                examples(twice),
                'rename the files, or give one file of detections for each folder',
            )

    def _by_name(
        self, whole: Mapping[str, Any], boxes: Sequence[dict]
    ) -> dict[str, ImageDetections]:
        names = {each['id']: self.class_of(each['name']) for each in records(whole, 'categories')}
        groups = defaultdict(list)
        for box in boxes:
            if names[box['category_id']] is not None:
                groups[box['image_id']].append(box)
        found = {}
        for image in records(whole, 'images'):
            ours = groups[image['id']]
            labels = [self.classes.index(names[box['category_id']] or '') for box in ours]
            sized = 'height' in image and 'width' in image
            found[PurePath(image['file_name']).name] = ImageDetections(
                corners(ours),
                np.array(labels, dtype=np.int64),
                *certainties(ours),
                (image['height'], image['width']) if sized else None,
            )
        return found
