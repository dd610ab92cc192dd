"""Are the boxes that an evaluator compares with those of the images that are shown to the detector?"""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping
from typing import Any

from mmssod.datasets.annotation_files import read_json
from mmssod.engine.preflight.outside_checks import is_json, leaves
from mmssod.structures import Problem

SHOWN = 3


def evaluator_problems(cfg: Mapping[str, Any], part: str) -> Iterator[Problem]:
    """Images of a data set that its evaluator's json does not have, or has by the same id as another file.

    Ids often count from 1 in each json, so that the figures would be those of other images, without an error.

    Args:
        cfg: a config.
        part: ``'val'`` or ``'test'``.
    """
    loader = cfg.get(f'{part}_dataloader')
    leaf = next(leaves(loader.get('dataset') if isinstance(loader, Mapping) else None), None)
    evaluator = cfg.get(f'{part}_evaluator')
    shown = osp.join((leaf or {}).get('data_root') or '', (leaf or {}).get('ann_file') or '')
    for metric in evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]:
        file = metric.get('ann_file') if isinstance(metric, Mapping) else None
        if not isinstance(file, str) or not all(
            is_json(f) and osp.isfile(f) for f in (shown, file)
        ):
            continue
        if osp.realpath(file) != osp.realpath(shown):
            yield from _compared(part, shown, file)


def _compared(part: str, shown: str, file: str) -> Iterator[Problem]:
    try:
        images, known = _names(shown), _names(file)
    except (OSError, ValueError, TypeError, KeyError):
        return  # an unreadable file is told by others
    other = [
        f'{number} is {name} and {known.get(number, "not there")}'
        for number, name in images.items()
        if number not in known or (name and known[number] and known[number] != name)
    ]
    if other:
        yield Problem(
            f'{part}: the data set and its evaluator are of different images',
            f'{part}_evaluator.ann_file with the images of {part}_dataloader.dataset.ann_file, {shown}',
            f'{file}, in which {len(other)} of {len(images)} ids are others: {"; ".join(other[:SHOWN])}',
            f'set {part}_evaluator.ann_file={shown}, too',
        )


def _names(file: str) -> dict[Any, str]:
    """File names, without folders, by image id."""
    return {
        image['id']: osp.basename(str(image.get('file_name') or ''))
        for image in read_json(file)['images']
    }
