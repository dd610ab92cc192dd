"""Checks that an evaluator's json has the expected classes, images and boxes."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmssod.datasets.annotation_files import examples, read_json, records
from mmssod.engine.preflight.data_checks import (
    is_json,
    json_of,
    leaves,
    name_problems,
    read_set,
    unreadable_file,
)
from mmssod.environment.errors import InputError
from mmssod.structures import Problem


def evaluator_problems(
    cfg: Mapping[str, Any], part: str, classes: Sequence[str] = ()
) -> Iterator[Problem]:
    """Jsons of evaluators that are not there or of other classes, and images that they do not have.

    Ids often count from 1 in each json, so that the figures would be those of other images, without an error.

    Args:
        cfg: a config.
        part: ``'val'`` or ``'test'``.
        classes: those that are trained; empty, and classes are not compared.
    """
    loader = cfg.get(f'{part}_dataloader')
    leaf = next(leaves(loader.get('dataset') if isinstance(loader, Mapping) else None), {})
    for _, file in _jsons(cfg, f'{part}_evaluator'):
        content, problems = read_set(f'{part}_evaluator', file)
        if not problems:
            yield from _of_others(part, json_of(leaf)[0], file, content)
            try:
                problems = name_problems(f'{part}_evaluator', classes, content, file)
            except InputError as error:
                problems = [unreadable_file(f'{part}_evaluator', error)]
        yield from problems if classes else ()


def truth_problems(cfg: Mapping[str, Any], key: str = 'test_evaluator') -> Iterator[Problem]:
    """Jsons of images alone, where figures are asked for and not predictions (``format_only``).

    At ``key`` is an evaluator, or a list of them.
    """
    for metric, file in _jsons(cfg, key):
        content = read_json(file) if osp.isfile(file) and not metric.get('format_only') else None
        if isinstance(content, dict) and 'annotations' not in content:
            yield Problem(
                f'{key}: an annotation file without boxes',
                'a COCO json with "annotations", to compare predictions with',
                f'{sorted(content)} in {file}',
                f'name the file with the boxes; or, to write predictions alone, set {key}.format_only=True and '
                f'{key}.outfile_prefix=FOLDER/NAME',
            )


def _jsons(cfg: Mapping[str, Any], key: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The evaluators at a key of a config, one or a list, with the json that each compares with."""
    metrics = cfg.get(key)
    for metric in metrics if isinstance(metrics, (list, tuple)) else [metrics]:
        if isinstance(metric, Mapping) and is_json(metric.get('ann_file')):
            yield metric, metric['ann_file']


def _of_others(part: str, shown: str, file: str, content: Any) -> Iterator[Problem]:
    """Images that ``content``, of ``file``, has otherwise than the json of the images that are shown."""
    shown_content = None
    if is_json(shown) and osp.isfile(shown) and osp.realpath(file) != osp.realpath(shown):
        shown_content = read_set(part, shown)[0]  # if it is unreadable, that is told of itself
    known, images = _names(content), _names(shown_content)
    other = [
        f'{number} is {name} and {known.get(number, "not there")}'
        for number, name in images.items()
        if number not in known or (name and known[number] and known[number] != name)
    ]
    if other:
        yield Problem(
            f'{part}: the data set and its evaluator are of different images',
            f'{part}_evaluator.ann_file with the images of {part}_dataloader.dataset.ann_file, {shown}',
            f'{file}, in which {len(other)} of {len(images)} ids are others: {examples(other)}',
            f'set {part}_evaluator.ann_file={shown}, too',
        )


def _names(content: Any) -> dict[str, str]:
    """File names, without folders, by image id."""
    return {
        repr(image.get('id')): osp.basename(str(image.get('file_name') or ''))
        for image in records(content, 'images')
    }
