"""Does the json of an evaluator have the classes, the images and boxes that it compares predictions with?"""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from mmdet.evaluation import CocoMetric

from mmssod.datasets.annotation_files import examples, read_json, records
from mmssod.engine.preflight.data_checks import (
    category_names,
    class_problem,
    is_json,
    json_of,
    leaves,
    missing_file,
    unreadable_file,
)
from mmssod.engine.preflight.parts import parts
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
    name, metrics = f'{part}_evaluator', cfg.get(f'{part}_evaluator')
    loader = cfg.get(f'{part}_dataloader')
    leaf = next(leaves(loader.get('dataset') if isinstance(loader, Mapping) else None), {})
    for metric in metrics if isinstance(metrics, (list, tuple)) else [metrics]:
        file = metric.get('ann_file') if isinstance(metric, Mapping) else None
        if not is_json(file):
            continue
        problem = None
        try:
            names, known = _content(file, os.stat(file).st_mtime_ns)
            problem = class_problem(name, classes, names, file) if classes else None
            yield from _of_others(part, json_of(leaf)[0], file, known)
        except FileNotFoundError:
            problem = missing_file(name, file)
        except ValueError as error:
            problem = unreadable_file(name, error)
        if problem is not None and classes:
            yield problem


def truth_problems(cfg: Mapping[str, Any], key: str = 'test_evaluator') -> Iterator[Problem]:
    """Jsons of images alone, where figures are asked for and not predictions (``format_only``).

    Args:
        cfg: A config.
        key: Of the evaluator, or of a list of them.
    """
    for _, node, kind in parts(cfg, [key]):
        file = node.get('ann_file') or ''
        if node.get('format_only') or not (isinstance(kind, type) and issubclass(kind, CocoMetric)):
            continue
        content = read_json(file) if osp.isfile(file) else None
        if isinstance(content, dict) and 'annotations' not in content:
            yield Problem(
                f'{key}: an annotation file without boxes',
                'a COCO json with "annotations", to compare predictions with',
                f'{sorted(content)} in {file}',
                f'name the file with the boxes; or, to write predictions alone, set {key}.format_only=True and '
                f'{key}.outfile_prefix=FOLDER/NAME',
            )


@lru_cache(maxsize=4)
def _content(file: str, changed: int) -> tuple[list[str], dict[str, str]]:
    """Names of the categories of a json, and of its images, without folders, by id."""
    content = read_json(file)
    images = {
        repr(image.get('id')): osp.basename(str(image.get('file_name') or ''))
        for image in records(content, 'images')
    }
    return category_names(content, file), images


def _of_others(part: str, shown: str, file: str, known: Mapping[str, str]) -> Iterator[Problem]:
    """What ``known``, the images of ``file``, has otherwise than the json of the images that are shown."""
    if not (is_json(shown) and osp.isfile(shown)) or osp.realpath(file) == osp.realpath(shown):
        return
    images = _content(shown, os.stat(shown).st_mtime_ns)[1]
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
