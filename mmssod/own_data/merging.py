"""Writes human and pseudo labels as one split data set in a layout that other trainers read directly.

Below a folder: ``train`` and ``valid``, each with ``images``, YOLO's ``labels`` and ``_annotations.coco.json`` (the
layout of Roboflow, which RF-DETR reads); ``data.yaml`` for Ultralytics and ``mmdet.py``, a config for MMDetection.
"""

from __future__ import annotations

import os
import os.path as osp
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

import yaml
from mmdet.registry import DATASETS
from mmengine.config import Config

from mmssod.datasets.aspect import header_size
from mmssod.datasets.formats import FilePerImage
from mmssod.datasets.formats.yolo import YoloTxt
from mmssod.datasets.split import Coco, write_coco
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.inferring import Frame

JSON = '_annotations.coco.json'
MMDET = """\
# Human and pseudo labels for MMDetection: another detector is another _base_.
_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
classes = {classes}
data_root = {root!r}
model = dict(bbox_head=dict(num_classes={number}))
train_dataloader = dict(dataset=dict(
    data_root=data_root, ann_file='train/{json}', data_prefix=dict(img='train/'), metainfo=dict(classes=classes)))
val_dataloader = dict(dataset=dict(
    data_root=data_root, ann_file='valid/{json}', data_prefix=dict(img='valid/'), metainfo=dict(classes=classes)))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + '/valid/{json}')
test_evaluator = val_evaluator
"""
Labels = dict[str, list[dict[str, Any]]]
"""Boxes (``name``, ``bbox`` x y w h and perhaps ``score``, ``iscrowd``) by the real path of their image."""


def merge_labels(cfg: Config, pseudo: Coco, frames: Sequence[Frame], out: Path) -> dict[str, Coco]:
    """Write human labels of a run's labeled set and pseudo labels together, and the human labels of its validation set.

    An image with human labels keeps these alone, and validation images are in no training set.

    Args:
        cfg: The run's config.
        pseudo: Labels of ``frames``, by their names.
        frames: Files.
        out: Folder; it is made, and must be empty.

    Returns:
        What was written, ``train`` and ``valid``.

    Raises:
        ValueError: ``out`` has something in it; a config without a labeled or a validation set.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f'out: expected an empty folder, got {out}; fix: name another one')
    names = [category['name'] for category in pseudo['categories']]
    val = _human(cfg, 'val_dataloader')
    train = {**_pseudo(pseudo, frames), **_human(cfg, 'train_dataloader')}
    train = {path: boxes for path, boxes in train.items() if path not in val}
    sets = {
        'train': _write(train, names, out / 'train'),
        'valid': _write(val, names, out / 'valid'),
    }
    places = dict(train='train/images', val='valid/images', names=dict(enumerate(names)))
    write_whole(out / 'data.yaml', yaml.safe_dump(places, sort_keys=False, allow_unicode=True))
    facts = dict(classes=tuple(names), number=len(names), root=osp.abspath(out), json=JSON)
    write_whole(out / 'mmdet.py', MMDET.format(**facts))
    return sets


def _pseudo(coco: Coco, frames: Sequence[Frame]) -> Labels:
    """What a detector found, with its scores; images that could not be read are not among them."""
    paths = {frame.name: osp.realpath(str(frame.image)) for frame in frames}
    labels: Labels = {paths[image['file_name']]: [] for image in coco['images']}
    files = {image['id']: paths[image['file_name']] for image in coco['images']}
    names = {category['id']: category['name'] for category in coco['categories']}
    for box in coco['annotations']:
        kept = {key: box[key] for key in ('bbox', 'score') if key in box}
        labels[files[box['image_id']]].append({'name': names[box['category_id']], **kept})
    return labels


def _human(cfg: Config, loader: str) -> Labels:
    """The labels of a config's labeled set, or of its validation set."""
    source: Any = (cfg.get(loader) or {}).get('dataset')
    while source and ('labeled' in source or 'dataset' in source):
        source = source.get('labeled') or source['dataset']
    if not source:
        raise InputError(f'merge: expected a config with labeled images in {loader}, found none')
    dataset = DATASETS.build({**source, 'pipeline': [], 'test_mode': True})
    names = dataset.metainfo['classes']
    return {
        osp.realpath(record['img_path']): [*_boxes(record['instances'], names)]
        for record in map(dataset.get_data_info, range(len(dataset)))
    }


def _boxes(
    instances: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for one in instances:
        x1, y1, x2, y2 = map(float, one['bbox'])
        crowd = int(one.get('ignore_flag', 0))
        yield dict(name=names[one['bbox_label']], bbox=[x1, y1, x2 - x1, y2 - y1], iscrowd=crowd)


def _write(labels: Labels, names: Sequence[str], folder: Path) -> Coco:
    """One set: images as hard links, or copies on another disk, and their labels twice."""
    numbers = {name: number for number, name in enumerate(names, start=1)}
    # RF-DETR counts the categories whose supercategory is not 'none'.
    categories = [
        dict(id=number, name=name, supercategory='object') for name, number in numbers.items()
    ]
    coco: Coco = dict(images=[], annotations=[], categories=categories)
    used: set[str] = set()
    for number, (path, boxes) in enumerate(labels.items(), start=1):
        stem, suffix = osp.splitext(osp.basename(path))
        # Flat, as not all readers look into folders within `images`.
        above = osp.basename(osp.dirname(path))
        free = chain([stem, f'{above}_{stem}'], (f'{stem}_{other}' for other in count(2)))
        used.add(stem := next(one for one in free if one not in used))
        target = folder / 'images' / f'{stem}{suffix}'
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
        width, height = map(int, header_size(path))
        coco['images'].append(
            dict(id=number, file_name=f'images/{stem}{suffix}', width=width, height=height)
        )
        for box in boxes:
            kept = {key: value for key, value in box.items() if key != 'name'}
            known = dict(
                id=len(coco['annotations']) + 1, image_id=number, category_id=numbers[box['name']]
            )
            area = box['bbox'][2] * box['bbox'][3]
            coco['annotations'].append({'iscrowd': 0, 'area': area, **kept, **known})
    write_coco(coco, folder / JSON)
    plain = [
        {**image, 'file_name': image['file_name'].removeprefix('images/')}
        for image in coco['images']
    ]
    FilePerImage.write(YoloTxt(), {**coco, 'images': plain}, folder / 'labels', scores=False)
    return coco
