"""Take corrected labels into a project: unlabeled images become labeled, and the next training goes on from there."""

from __future__ import annotations

import json
import os
import os.path as osp
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmssod.analysis.report.runs import result_checkpoint
from mmssod.apis.config import load_config
from mmssod.apis.exporting import export
from mmssod.apis.predicting import test_set
from mmssod.datasets.annotation_files import as_trained
from mmssod.datasets.formats import find_format
from mmssod.datasets.preparation import SHOWN
from mmssod.datasets.preparation.own_data import with_sizes
from mmssod.datasets.split import Coco, read_coco, write_coco
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.loop.config_values import changed, expression
from mmssod.own_data.new.sets import LabeledPart, checked
from mmssod.own_data.new.writing import place_of
from mmssod.own_data.run.candidates import read_candidates
from mmssod.own_data.run.facts import assigned
from mmssod.own_data.run.fold_files import labeled_part, named_pool
from mmssod.own_data.run.rounds import HISTORY, read_history, round_folder
from mmssod.structures import Problem, raise_together

LIST = 'not_unlabeled.txt'
WHEN = 'before anything was changed'
DETECTOR = 'work_dirs/student/detector'
"""Below the folder of a round: its student as a plain detector, from which the next teacher starts."""


@dataclass(frozen=True)
class Added:
    """What became of labels.

    Args:
        images: Names of those that were unlabeled and are labeled now.
        replaced: Likewise of those that were labeled and have other boxes now.
        same: How many were labeled already, with these boxes.
        boxes: Boxes of both by class.
        labeled, unlabeled: How many images the project has now, those to evaluate on not counted.
    """

    images: tuple[str, ...]
    replaced: tuple[str, ...]
    same: int
    boxes: dict[str, int]
    labeled: int
    unlabeled: int

    def lines(self, folder: Path) -> list[str]:
        """For people."""
        if not self.images and not self.replaced:
            return [
                f'{self.same} images are labeled already, with these boxes: nothing was changed'
            ]
        counts = ', '.join(f'{count} {name}' for name, count in self.boxes.items())
        replaced = f', {len(self.replaced)} replaced' if self.replaced else ''
        return [
            f'{len(self.images)} images added{replaced}: {counts or "no box"}',
            f'{self.labeled} labeled images to train on, {self.unlabeled} unlabeled',
            f'next: mmssod run {folder} (the teacher starts from the last student)',
        ]


def add_labels(
    folder: Path,
    labels: str,
    *,
    images: str = '',
    kind: str = 'auto',
    classes: Sequence[str] = (),
    corrections: bool = False,
) -> Added:
    """Add labels of unlabeled images to a project; labels that are there already change nothing.

    Args:
        folder: Of the project; of one with several detectors all get the labels.
        labels: File or folder in a format that is read.
        images: Folder of the images, by default that of the unlabeled ones.
        kind: Format, see :func:`~mmssod.datasets.formats.read_labels`.
        classes: Names of YOLO's numbers where no file has them.
        corrections: Whether labels of images that are labeled already take the place of theirs.

    Raises:
        FileNotFoundError: No project; no such labels.
        ValueError: All that is wrong with the labels, together; then nothing was changed.
    """
    if not Path(labels).exists():
        raise FileNotFoundError(f'labels: no file or folder {labels}')
    places = [folder / name for name in read_candidates(folder)] or [folder]
    projects = [_Project.of(place, up=2 if place != folder else 1) for place in places]
    read = [each.read(labels, images, kind, classes, corrections) for each in projects]
    return [each.take(coco, labels) for each, coco in zip(projects, read, strict=True)][0]


@dataclass(frozen=True)
class _Project:
    """A project with one detector.

    Args:
        folder: It.
        train: Its labeled images, those to evaluate on left out.
        root: Folder that their names are relative to.
        pool: Its unlabeled images by the links that they mean, each with its name and file.
        judged: Images to evaluate on, links followed, by path.
        up: How many folders above it the one lies that may move with it.
    """

    folder: Path
    train: Coco
    root: Path
    pool: dict[str, tuple[str, str]]
    val: Coco
    judged: frozenset[str]
    up: int

    @classmethod
    def of(cls, folder: Path, up: int) -> _Project:
        """Read it.

        Raises:
            FileNotFoundError: It is no project.
            ValueError: One that `mmssod new` has not written.
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
        """The labeled images by file, links followed."""
        return {
            osp.realpath(self.root / image['file_name']): image for image in self.train['images']
        }

    def read(
        self, labels: str, images: str, kind: str, classes: Sequence[str], corrections: bool
    ) -> Coco:
        """Labels as the project has them: its categories, files with links followed as names; nothing is changed.

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
        other = [file for file in other if not self._has(coco, file)]
        if other and not corrections:
            what = f'labels: {len(other)} images are labeled already, with other boxes'
            fix = 'leave them out, or put these boxes in the place of theirs with --corrections'
            raise_together([Problem(what, 'unlabeled images', _shown(other), fix)], WHEN)
        relative = self._renamed(coco, Path('/'))
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
            Problem(f'labels: {len(which)} images {what}', expected, _shown(which), fix)
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

    def _has(self, coco: Coco, file: str) -> bool:
        """Whether an image is labeled with the same boxes, to a hundredth of a pixel."""
        found = next(image['id'] for image in coco['images'] if image['file_name'] == file)
        return _boxes(coco, found) == _boxes(self.train, self.labeled[file]['id'])

    def _renamed(self, coco: Coco, above: Path) -> Coco:
        """Names relative to a folder instead of whole files."""
        images = [{**i, 'file_name': osp.relpath(i['file_name'], above)} for i in coco['images']]
        return {**coco, 'images': images}

    def take(self, coco: Coco, labels: str) -> Added:
        """Change the project: history, configs, labels, list; the trainings so far become those of a round.

        Args:
            coco: What :meth:`read` gave, names relative to ``/``.
            labels: Where it came from.
        """
        files = {image['id']: f'/{image["file_name"]}' for image in coco['images']}
        coco = {**coco, 'images': [{**i, 'file_name': files[i['id']]} for i in coco['images']]}
        known = self.labeled
        same = {n for n, file in files.items() if file in known and self._has(coco, file)}
        other = {n for n, file in files.items() if file in known} - same
        new = files.keys() - same - other
        listed = [self.pool[file][0] for file in files.values() if file in self.pool]
        names = {category['id']: category['name'] for category in coco['categories']}
        boxes = [b for b in coco['annotations'] if b['image_id'] in new | other]
        made = Added(
            images=tuple(self.pool[files[number]][0] for number in files if number in new),
            replaced=tuple(
                known[files[number]]['file_name'] for number in files if number in other
            ),
            same=len(same),
            boxes=dict(Counter(names[box['category_id']] for box in boxes).most_common()),
            labeled=len(self.train['images']) + len(new),
            unlabeled=len(self.pool) - len(listed),
        )
        if new or other:
            number = len(read_history(self.folder)) + 1
            self._keep_round(number)
            self._note(number, labels, made)
            self._write(coco, new, other)
        self._leave_out(listed)  # also after a call that was cut off just before
        return made

    def _keep_round(self, number: int) -> None:
        """Put the trainings so far away, and let the next teacher start from their student; the baseline does not."""
        place = round_folder(self.folder, number)
        place.mkdir(parents=True, exist_ok=True)
        runs = self.folder / 'work_dirs'
        if best := result_checkpoint(runs / 'student'):
            export(self.folder / 'student.py', best, str(self.folder / DETECTOR))
        for folder in (runs, *self.folder.glob('folds_*')):
            if folder.is_dir():
                os.rename(folder, place / folder.name)
        if not (place / f'{DETECTOR}.pth').is_file():
            return
        teacher, supervised = (self.folder / f'{name}.py' for name in ('teacher', 'supervised'))
        if expression(supervised, 'load_from') is None:
            start = expression(teacher, 'load_from') or 'None'
            write_whole(supervised, changed(supervised, 'load_from', start))
        start = f"f'{{_base_.here}}/rounds/{number}/{DETECTOR}.pth'"
        write_whole(teacher, changed(teacher, 'load_from', start))

    def _note(self, number: int, labels: str, made: Added) -> None:
        entry = dict(
            round=number,
            when=datetime.now(timezone.utc).isoformat(timespec='seconds'),
            labels=labels,
            images=made.images,
            replaced=made.replaced,
            boxes=sum(made.boxes.values()),
            classes=made.boxes,
            labeled=made.labeled,
            unlabeled=made.unlabeled,
        )
        file = self.folder / HISTORY
        before = file.read_text(encoding='utf-8') if file.is_file() else ''
        write_whole(file, before + json.dumps(entry) + '\n')

    def _write(self, coco: Coco, new: Collection[Any], other: Collection[Any]) -> None:
        """The labeled set with more images and other boxes, and the folder that its names are relative to."""
        known = self.labeled
        files = {image['id']: image['file_name'] for image in coco['images']}
        old = {number: known[files[number]]['id'] for number in other}
        ids = {
            **old,
            **dict(zip(sorted(new, key=str), _free(self.train, self.val, 'images'), strict=False)),
        }
        added = [
            {**i, 'id': ids[i['id']], 'file_name': self.pool[i['file_name']][1]}
            for i in coco['images']
            if i['id'] in new
        ]
        boxes = [
            {**b, 'image_id': ids[b['image_id']]}
            for b in coco['annotations']
            if b['image_id'] in ids
        ]
        boxes = [
            {**{key: value for key, value in b.items() if key != 'score'}, 'id': i}
            for b, i in zip(boxes, _free(self.train, self.val, 'annotations'), strict=False)
        ]
        kept = [b for b in self.train['annotations'] if b['image_id'] not in old.values()]
        inside = all(Path(image['file_name']).is_relative_to(self.root) for image in added)
        folders = [str(self.root), *(osp.dirname(image['file_name']) for image in added)]
        above = self.root if inside else Path(osp.commonpath(folders))
        whole = [{**i, 'file_name': str(self.root / i['file_name'])} for i in self.train['images']]
        merged = dict(self.train, images=[*whole, *added], annotations=[*kept, *boxes])
        write_coco(self._renamed(merged, above), self.folder / 'labeled.json')
        if above != self.root:
            data = self.folder / 'data.py'
            write_whole(
                data, changed(data, 'labeled_images', place_of(above, self.folder, self.up))
            )

    def _leave_out(self, names: Sequence[str]) -> None:
        """Names of unlabeled images that are labeled now."""
        data, file = self.folder / 'data.py', self.folder / LIST
        if not names:
            return
        before = file.read_text(encoding='utf-8') if file.is_file() else ''
        write_whole(file, before + ''.join(f'{name}\n' for name in names))
        lists = expression(data, 'not_unlabeled') or '[]'
        if LIST not in lists:
            own = f"f'{{here}}/{LIST}'"
            value = f'[{own}]' if lists == '[]' else f'[*{lists}, {own}]'
            write_whole(data, changed(data, 'not_unlabeled', value))


def _owned(coco: Coco, source: Path, files: Sequence[str]) -> dict[Any, str]:
    """The file that each image of labels is, by id, links followed; images that are none of the files are left out.

    Told by the path, else by the one file whose path ends in the name, else by the one of that base name: labeling
    tools drop folders.
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
    names = {category['id']: category['name'] for category in coco['categories']}
    return sorted(
        (names[box['category_id']], *(round(float(side), 2) for side in box['bbox']))
        for box in coco['annotations']
        if box['image_id'] == number
    )


def _free(train: Coco, val: Coco, key: str) -> range:
    """Ids that neither set has."""
    used = [
        one['id'] for coco in (train, val) for one in coco[key] if isinstance(one.get('id'), int)
    ]
    start = max(used, default=0) + 1
    return range(start, start + 10**9)


def _shown(names: Sequence[str]) -> str:
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')
