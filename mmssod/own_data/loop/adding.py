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
from mmssod.apis.exporting import export
from mmssod.datasets.split import Coco, write_coco
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.loop.added_labels import LabeledProject, renamed
from mmssod.own_data.loop.config_values import changed, expression
from mmssod.own_data.new.writing import place_of
from mmssod.own_data.run.candidates import read_candidates
from mmssod.own_data.run.rounds import HISTORY, read_history, round_folder

LIST = 'not_unlabeled.txt'
DETECTOR = 'work_dirs/student/detector'
"""Place within a round of its student as a plain detector, from which the next teacher starts."""


@dataclass(frozen=True)
class Added:
    """What adding labels changed.

    Args:
        images: Names of images that are newly labeled.
        replaced: Names of labeled images whose boxes were replaced.
        same: Number of images that had these boxes already.
        boxes: Number of boxes of new and replaced images, by class.
        labeled, unlabeled: Number of images in the project now, without those to evaluate on.
    """

    images: tuple[str, ...]
    replaced: tuple[str, ...]
    same: int
    boxes: dict[str, int]
    labeled: int
    unlabeled: int

    def lines(self, folder: Path) -> list[str]:
        """The change and what to do next, for the terminal."""
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


class _Project(LabeledProject):
    """A project whose configs and lists are changed."""

    def take(self, coco: Coco, labels: str) -> Added:
        """Write labels, history, configs and the list of exceptions; move the trainings so far into a round.

        Args:
            coco: Labels as :meth:`read` returns them.
            labels: Their file or folder, for the history.
        """
        files = {image['id']: f'/{image["file_name"]}' for image in coco['images']}
        coco = {**coco, 'images': [{**i, 'file_name': files[i['id']]} for i in coco['images']]}
        known = self.labeled
        same = {n for n, file in files.items() if file in known and self.has(coco, file)}
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
        """Move the trainings so far into a round; the next teacher starts from their student, the baseline does not."""
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
        """Add a line to the history."""
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
        """Write the labeled set with new images and replaced boxes, and the folder that its names are relative to."""
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
        write_coco(renamed(merged, above), self.folder / 'labeled.json')
        if above != self.root:
            data = self.folder / 'data.py'
            write_whole(
                data, changed(data, 'labeled_images', place_of(above, self.folder, self.up))
            )

    def _leave_out(self, names: Sequence[str]) -> None:
        """List images that are no longer unlabeled."""
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


def _free(train: Coco, val: Coco, key: str) -> range:
    """Ids that neither set uses."""
    used = [
        one['id'] for coco in (train, val) for one in coco[key] if isinstance(one.get('id'), int)
    ]
    start = max(used, default=0) + 1
    return range(start, start + 10**9)
