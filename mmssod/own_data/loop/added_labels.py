"""Read corrected labels and check them against a project: known images and classes, nothing to evaluate on."""

from __future__ import annotations

import os.path as osp
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmssod.apis.config import load_config
from mmssod.apis.predicting import test_set
from mmssod.datasets.annotation_files import as_trained
from mmssod.datasets.formats import find_format
from mmssod.datasets.preparation import SHOWN
from mmssod.datasets.preparation.own_data import with_sizes
from mmssod.datasets.split import Coco, read_coco
from mmssod.environment.errors import InputError
from mmssod.own_data.loop.config_values import expression
from mmssod.own_data.new.sets import LabeledPart, checked
from mmssod.own_data.run.facts import assigned
from mmssod.own_data.run.fold_files import labeled_part, named_pool
from mmssod.structures import Problem, raise_together

if TYPE_CHECKING:
    from typing_extensions import Self

WHEN = 'before anything was changed'


@dataclass(frozen=True)
class LabeledProject:
    """The labeled, unlabeled and validation images of a project with one detector.

    Args:
        folder: The project's.
        train: Labeled images to train on.
        root: Folder that their names are relative to.
        pool: Name and path of each unlabeled image, by its real path.
        val: Images to evaluate on.
        judged: Their real paths.
        up: How many folders above ``folder`` the one lies that may be moved as a whole.
    """

    folder: Path
    train: Coco
    root: Path
    pool: dict[str, tuple[str, str]]
    val: Coco
    judged: frozenset[str]
    up: int

    @classmethod
    def of(cls, folder: Path, up: int) -> Self:
        """Read a project's folder.

        Raises:
            FileNotFoundError: The folder is no project.
            ValueError: `mmssod new` did not write it.
        """
        cfg = load_config(folder / 'student.py')
        train, root = labeled_part(folder)
        file, needed = folder / 'data.py', ('labeled_images', 'not_unlabeled')
        lacks = [name for name in needed if not file.is_file() or expression(file, name) is None]
        if lacks or not (folder / 'labeled.json').is_file():
            raise InputError(
                f'{folder}: expected a project of `mmssod new`, with labeled.json, and a data.py that assigns '
                f'{" and ".join(needed)}, found no {" and no ".join(lacks or ["labeled.json"])}; fix: write one with '
                '`mmssod new`'
            )
        pool = {osp.realpath(path): (name, path) for name, path in named_pool(folder).items()}
        annotations, images = test_set(cfg)
        val = read_coco(Path(annotations))
        judged = (osp.realpath(osp.join(images, image['file_name'])) for image in val['images'])
        return cls(folder, train, Path(osp.abspath(root)), pool, val, frozenset(judged), up)

    @property
    def labeled(self) -> dict[str, dict[str, Any]]:
        """The labeled images by real path."""
        return {
            osp.realpath(self.root / image['file_name']): image for image in self.train['images']
        }

    def read(
        self, labels: str, images: str, kind: str, classes: Sequence[str], corrections: bool
    ) -> Coco:
        """Read and check labels, with the project's categories, and real paths relative to ``/`` as names.

        Raises:
            ValueError: All that is wrong with them, together.
        """
        name, path = next(iter(self.pool.values()), ('', f'{self.root}/'))
        source = Path(images or path.removesuffix(name))
        form = find_format(Path(labels), kind)
        coco, findings = form.read(Path(labels), source, classes)
        raise_together(findings.problems, WHEN)
        owned = _owned(coco, source, [*self.pool, *self.labeled, *self.judged])
        raise_together([*self._image_problems(coco, owned), *self._class_problems(coco)], WHEN)
        ours = {category['name']: category['id'] for category in self.train['categories']}
        theirs = {category['id']: category['name'] for category in coco['categories']}
        iscrowd = assigned(self.folder / 'data.py', {}).get('iscrowd', 'background')
        boxes = coco['annotations']
        if form.iscrowd == 'object' != iscrowd:
            boxes = as_trained(boxes, 'object')
        coco = dict(
            images=[{**image, 'file_name': owned[image['id']]} for image in coco['images']],
            annotations=[{**box, 'category_id': ours[theirs[box['category_id']]]} for box in boxes],
            categories=self.train['categories'],
        )
        other = [i['file_name'] for i in coco['images'] if i['file_name'] in self.labeled]
        other = [file for file in other if not self.has(coco, file)]
        if other and not corrections:
            what = f'labels: {len(other)} images are labeled already, with other boxes'
            fix = 'leave them out, or put these boxes in the place of theirs with --corrections'
            raise_together([Problem(what, 'unlabeled images', shown(other), fix)], WHEN)
        relative = renamed(coco, Path('/'))
        if relative['annotations']:
            part = LabeledPart(with_sizes(relative, Path('/')), Path('/'), iscrowd)
            part, findings = checked('labels', part, labels)
            raise_together(findings.problems, WHEN)
            relative = part.coco
        return relative

    def _image_problems(self, coco: Coco, owned: dict[Any, str]) -> list[Problem]:
        names = {image['id']: image['file_name'] for image in coco['images']}
        foreign = [name for number, name in names.items() if number not in owned]
        judged = [names[number] for number, file in owned.items() if file in self.judged]
        counts = Counter(owned.values())
        twice = [names[number] for number, file in owned.items() if counts[file] > 1]
        pool = f'images of the {len(self.pool)} unlabeled ones of {self.folder}'
        useless = 'leave them out: figures on images that were trained on mean nothing'
        found = (
            (foreign, 'are not in the unlabeled set', pool, 'leave them out, or name their folder with --images'),
            (judged, 'are images to evaluate on', pool, useless),
            (twice, 'are named more than once', 'each image once', 'leave one of each'),
        )  # fmt: skip
        if not names:
            return [
                Problem('labels: empty', 'at least one labeled image', 'none', 'name other labels')
            ]
        return [
            Problem(f'labels: {len(which)} images {what}', expected, shown(which), fix)
            for which, what, expected, fix in found
            if which
        ]

    def _class_problems(self, coco: Coco) -> list[Problem]:
        ours = [category['name'] for category in self.train['categories']]
        names = {category['id']: category['name'] for category in coco['categories']}
        counts = Counter(names[box['category_id']] for box in coco['annotations'])
        strange = [f'{name} ({count} boxes)' for name, count in counts.items() if name not in ours]
        fix = 'rename them in the labels; for more classes write a new project with `mmssod new --classes`'
        what = f'labels: {len(strange)} classes that the project does not have'
        return [Problem(what, ', '.join(ours), ', '.join(strange[:SHOWN]), fix)] if strange else []

    def has(self, coco: Coco, file: str) -> bool:
        """Whether an image is labeled with the same boxes, to a hundredth of a pixel."""
        found = next(image['id'] for image in coco['images'] if image['file_name'] == file)
        return _boxes(coco, found) == _boxes(self.train, self.labeled[file]['id'])


def renamed(coco: Coco, above: Path) -> Coco:
    """Images named relative to a folder instead of by whole paths."""
    images = [{**i, 'file_name': osp.relpath(i['file_name'], above)} for i in coco['images']]
    return {**coco, 'images': images}


def _owned(coco: Coco, source: Path, files: Sequence[str]) -> dict[Any, str]:
    """The real path of each labeled image, by id; images that are not among the files are left out.

    Matched by path, else by the only file whose path ends in the name, else by the only one of that base name, since
    labeling tools drop folders.
    """
    known = set(files)
    by_base: dict[str, list[str]] = {}
    for file in known:
        by_base.setdefault(osp.basename(file), []).append(file)
    owned = {}
    for image in coco['images']:
        name = image['file_name'].replace('\\', '/')
        if (path := osp.realpath(source / name)) in known:
            owned[image['id']] = path
        if path in known or osp.isfile(path):  # an image of its own
            continue
        same = by_base.get(osp.basename(name), [])
        ends = [file for file in same if file.endswith(f'/{name}')]
        if len(fits := ends or same) == 1:
            owned[image['id']] = fits[0]
    return owned


def _boxes(coco: Coco, number: Any) -> list[tuple]:
    """Class and sides of the boxes of an image, sorted, to a hundredth of a pixel."""
    names = {category['id']: category['name'] for category in coco['categories']}
    return sorted(
        (names[box['category_id']], *(round(float(side), 2) for side in box['bbox']))
        for box in coco['annotations']
        if box['image_id'] == number
    )


def shown(names: Sequence[str]) -> str:
    """The first names of a list, for a message."""
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')
