"""Writes the files of a project's folds: training labels, held-out labels, and configs.

A fold's configs build on the project's: what changes there counts in the folds, too. They evaluate nothing on the way,
so held-out images choose neither checkpoint nor length; the last checkpoint is judged.
"""

from __future__ import annotations

import json
import os.path as osp
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from string import Template
from typing import Any

from mmengine.config import Config

from mmssod.apis.config import load_config
from mmssod.apis.predicting import test_set
from mmssod.datasets.folds import ImageId, draw_folds, take_apart, thin_classes
from mmssod.datasets.image_lists import FoundImage, exclude_names, find_images, read_names
from mmssod.datasets.preparation.image_files import copies
from mmssod.datasets.split import Coco, read_coco, write_coco
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.inferring import relative_names
from mmssod.own_data.run.facts import STAGES
from mmssod.own_data.run.fold_facts import fold_folders, is_set_aside

TRAIN, HELD_OUT, NOT_UNLABELED = 'labeled.json', 'held_out.json', 'not_unlabeled.txt'
CONFIG = Template('''\
"""Fold $place of $number: $train labeled images to train on, $held_out others that are judged. See ../../$name.py.

Written by `mmssod run --folds $number`. Nothing is evaluated on the way: held-out images choose no checkpoint.
"""

_base_ = '../../$name.py'

here = "{{ fileDirname }}"
train_dataloader = dict(dataset=$dataset)
val_cfg = None
val_dataloader = None
val_evaluator = None
test_dataloader = dict(
    dataset=dict(
        ann_file=f'{here}/$held_out_file',
        data_root=_base_.$labeled.get('data_root') or '',
        data_prefix=_base_.$labeled.get('data_prefix') or {},
    )
)
test_evaluator = dict(ann_file=f'{here}/$held_out_file'$train_ann_file)
work_dir = f'{here}/work_dirs/$name'
$start''')
START = "load_from = f'{here}/work_dirs/teacher/' + _base_.load_from.rpartition('/')[2]\n"


def labeled_set(folder: Path) -> tuple[Coco, Path]:
    """The labeled images of a project with their boxes, those that it has set aside among them, and their folder.

    Raises:
        ValueError, FileNotFoundError: A config or its labels cannot be read.
    """
    coco, images = labeled_part(folder)
    if is_set_aside(folder):
        aside = read_coco(folder / 'val.json')
        # Their folder may lie in that of the labeled images, once labels of other folders were added.
        place = Path(osp.abspath(test_set(load_config(folder / 'teacher.py'))[1]))
        if place.is_relative_to(osp.abspath(images)):
            inside = place.relative_to(osp.abspath(images))
            named = [
                {**i, 'file_name': (inside / i['file_name']).as_posix()} for i in aside['images']
            ]
            aside = {**aside, 'images': named}
        coco = {**coco, **{key: [*coco[key], *aside[key]] for key in ('images', 'annotations')}}
    return coco, images


def labeled_part(folder: Path) -> tuple[Coco, Path]:
    """Likewise those that the project trains on."""
    places = _labeled(load_config(folder / 'teacher.py'))
    root = places.get('data_root') or ''
    coco = read_coco(Path(osp.join(root, places.ann_file)))
    return coco, Path(osp.join(root, (places.get('data_prefix') or {}).get('img', '')))


def write_folds(folder: Path, number: int, seed: int) -> tuple[list[Path], list[str]]:
    """Draw the folds of a project and write them, or find those that are there.

    Args:
        folder: Project folder.
        number: Number of folds, see :func:`~mmssod.datasets.folds.draw_folds`.
        seed: Seed of the draw.

    Returns:
        A folder for each, itself a project; lines on what the folds cannot show.

    Raises:
        ValueError: See :func:`draw_folds`; folds that are there are others.
    """
    coco, images = labeled_set(folder)
    groups = same_files(coco, images)
    drawn = list(take_apart(coco, draw_folds(coco, number, seed, groups)))
    places = fold_folders(folder, number)
    among = _labeled_in_pool(folder, coco, images)
    for place, fold in enumerate(drawn, start=1):
        target = places[place - 1]
        for name, part in ((TRAIN, fold.train), (HELD_OUT, fold.held_out)):
            _write_once(target / name, part)
        if among:
            write_whole(target / NOT_UNLABELED, ''.join(f'{name}\n' for name in among))
        sizes = dict(train=len(fold.train['images']), held_out=len(fold.held_out['images']))
        for name in STAGES:
            text = _config_text(folder, name, bool(among), place=place, number=number, **sizes)
            write_whole(target / f'{name}.py', text)
    return places, _notes(coco, number, len(coco['images']) - len(groups))


def same_files(coco: Coco, folder: Path) -> list[list[ImageId]]:
    """Ids of images, those together whose files are the same or copies of each other: none is judged by its twin."""
    files = {image['id']: folder / image['file_name'] for image in coco['images']}
    twins = copies(list(files.values()))
    groups: dict[Any, list[ImageId]] = defaultdict(list)
    for number, file in files.items():
        key = blake2b(file.read_bytes()).digest() if file in twins else file.resolve()
        groups[key].append(number)
    return list(groups.values())


def unlabeled_pool(folder: Path) -> list[FoundImage]:
    """The unlabeled images of a project, without those that its lists leave out; none where its student uses none.

    Raises:
        ValueError, FileNotFoundError: The config, or the images that it names, cannot be read.
    """
    pool = load_config(folder / 'student.py').train_dataloader.dataset.get('unlabeled')
    if not pool:
        return []
    root = pool.get('data_root') or ''
    prefix = (pool.get('data_prefix') or {}).get('img', '')
    found = find_images(pool.images, root=root, prefix=prefix)
    for file in _excluded(pool):
        found = exclude_names(found, read_names(file, root=root))
    return found


def named_pool(folder: Path) -> dict[str, str]:
    """The files of the unlabeled images of a project, by names relative to one folder."""
    found = unlabeled_pool(folder)
    names = [image.name for image in found]
    if any(osp.isabs(name) or name.startswith('../') for name in names):
        names = relative_names([image.path for image in found])
    return {name: osp.abspath(image.path) for name, image in zip(names, found, strict=True)}


def _labeled_in_pool(folder: Path, coco: Coco, images: Path) -> list[str]:
    """Unlabeled images of the student, by name, that are labeled ones or copies of them and not left out yet."""
    found = unlabeled_pool(folder)
    labeled = [(images / image['file_name']).resolve() for image in coco['images']]
    files: dict[Path, list[str]] = defaultdict(list)
    for image in found:
        files[Path(image.path).resolve()].append(image.name)
    same = {*copies(list(files), labeled), *(files.keys() & set(labeled))}
    return sorted(name for file in same for name in files[file])


def _config_text(folder: Path, name: str, excludes: bool, **values: Any) -> str:
    """The text of one config of a fold."""
    cfg = load_config(folder / f'{name}.py')
    dataset = cfg.train_dataloader.dataset
    inner = 'labeled' in dataset
    file = f"ann_file=f'{{here}}/{TRAIN}'"
    parts = f'labeled=dict({file})' if inner else file
    if excludes and dataset.get('unlabeled'):
        parts += f", unlabeled=dict(exclude=[*{_excluded(dataset.unlabeled)!r}, f'{{here}}/{NOT_UNLABELED}'])"
    teacher = load_config(folder / 'teacher.py').work_dir
    start = cfg.get('load_from') or ''
    own = name == 'student' and Path(start).parent == Path(teacher)
    return CONFIG.substitute(
        values,
        name=name,
        dataset=f'dict({parts})',
        labeled='train_dataloader.dataset' + ('.labeled' if inner else ''),
        held_out_file=HELD_OUT,
        train_ann_file=f', train_{file}' if 'train_ann_file' in cfg.test_evaluator else '',
        start=START if own else _original_start(folder, name, start),
    )


def _original_start(folder: Path, name: str, start: str) -> str:
    """Of a teacher that starts from an earlier round's student, which knows what is held out: the baseline's start."""
    first = load_config(folder / 'supervised.py').get('load_from') or ''
    return f'load_from = {first or None!r}\n' if name == 'teacher' and first != start else ''


def _labeled(cfg: Config) -> Any:
    dataset = cfg.train_dataloader.dataset
    return dataset.get('labeled', dataset)


def _excluded(pool: Any) -> list[str]:
    exclude = pool.get('exclude') or []
    return [exclude] if isinstance(exclude, str) else list(exclude)


def _write_once(file: Path, part: Coco) -> None:
    """Write a part, or find the same one there.

    Raises:
        ValueError: Another one is there.
    """
    if not file.exists():
        write_coco(part, file)
    elif json.loads(file.read_text(encoding='utf-8')) != json.loads(json.dumps(part)):
        raise InputError(
            f'{file}: expected what an earlier call has drawn, found labels that differ: the labels of the project or '
            f'the seed changed since; fix: remove {file.parents[1]} to draw and train all folds anew'
        )


def _notes(coco: Coco, number: int, twins: int) -> list[str]:
    lines = []
    thin = thin_classes(coco, number)
    if thin:
        shown = ', '.join(f'{name} ({count})' for name, count in thin.items())
        lines.append(
            f'classes in fewer images than {number} folds: {shown}; a fold that judges all images of a class has none '
            'to learn it from'
        )
    if twins:
        lines.append(f'{twins} labeled images are copies of others: copies are in one fold')
    return lines


def counts(folders: Sequence[Path]) -> list[tuple[int, int]]:
    """Images that each fold trains on, and that it holds out."""
    return [
        (len(read_coco(folder / TRAIN)['images']), len(read_coco(folder / HELD_OUT)['images']))
        for folder in folders
    ]
