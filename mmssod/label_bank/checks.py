"""Checks before training that a label bank matches the config of the training."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from mmssod.datasets.fixed_view import FixedView, fixed_view
from mmssod.engine.preflight import labeled_classes
from mmssod.label_bank.bank import LabelBankFiles, other_size
from mmssod.label_bank.layout import AGAIN, HEADER, BankError, image_key, name_code
from mmssod.models.checkpoint_parts import detector_digest, teacher_digest
from mmssod.start import local_file
from mmssod.structures import Problem

MAX_VERIFIED_BYTES = 1 << 30
"""Banks up to this size are compared with their checksums at the start; of greater ones only the sizes of files."""

MAX_COMPARED_IMAGES = 1_000_000
"""Unlabeled images that are looked up at the start; of more, evenly spread ones are."""

MAX_COMPARED_SIZES = 2000
"""Images whose headers are read at the start, to compare their sizes with those that were labeled."""


def bank_problems(labeler: Mapping[str, Any], cfg: Mapping[str, Any]) -> Iterator[Problem]:
    """Problems of a bank that does not fit a training config; ``labeler``: the config of the ``LabelBank``."""
    try:
        bank = LabelBankFiles(labeler.get('path', ''))
        if bank.num_bytes <= MAX_VERIFIED_BYTES:
            _verify(str(bank.folder), (bank.folder / HEADER).stat().st_mtime_ns)
    except BankError as error:
        yield error.problem
        return
    header = bank.header
    classes = labeled_classes(cfg)
    if classes and classes != header.classes:
        yield _again('other classes', list(classes), list(header.classes))
    file = _teacher_file(labeler, cfg)
    if file and (digest := teacher_digest(file)) != header.teacher:
        yield Problem(
            f'the label bank {bank.folder} was made by another teacher',
            f'weights of {file}, digest {digest[:12]}',
            f'{header.checkpoint}, digest {header.teacher[:12]}',
            "make it again with this teacher; or, where the student is not to start from it, name the bank's teacher "
            'in model.labeler.checkpoint',
        )
    least = least_threshold(cfg['model'].get('balancer') or {})
    if least is not None and header.floor > least:
        yield Problem(
            f'the label bank {bank.folder} lacks boxes that the thresholds may ask for',
            f'a floor of at most {least}, the least threshold of model.balancer',
            f'boxes with p >= {header.floor}',
            f'make it again with --floor {least} or less, or raise balancer.threshold or its lower bound',
        )
    try:
        view = labeled_view(cfg)
    except (ValueError, KeyError, AttributeError) as error:
        what = 'the weak view cannot be compared with that of the bank'
        yield Problem(what, 'a constant one', str(error), 'correct it')
        return
    if view.as_json() != header.view:
        yield _again('another weak view', view.as_json(), header.view)
    if view.flips and not header.mirrored:
        yield _again('no labels of mirrored views', 'both views', 'the plain view alone')


def bank_warnings(labeler: Mapping[str, Any], cfg: Mapping[str, Any]) -> Iterator[str]:
    """Warnings: the bank's teacher has the student's starting weights but another config, which may be intended."""
    header = LabelBankFiles(labeler['path']).header
    file = _teacher_file(labeler, cfg)
    same_weights = file and teacher_digest(file) == header.teacher
    if same_weights and detector_digest(cfg['model']['detector']) != header.detector:
        yield (
            f'the label bank {labeler["path"]} was made with another config of the detector than model.detector ('
            f'{header.config}): a teacher in the step would label otherwise. Unless that is meant, {AGAIN}'
        )


def absent_images(bank: LabelBankFiles, dataset: Any) -> list[Problem]:
    """Unlabeled images without labels in the bank, or whose id belongs to another file or picture there."""
    places = range(0, len(dataset), -(-len(dataset) // MAX_COMPARED_IMAGES))
    infos = [dataset.get_data_info(place) for place in places]
    rows = bank.rows_of(np.array([image_key(info['img_id']) for info in infos], np.int64)).tolist()
    wrong = [
        (info, row)
        for info, row in zip(infos, rows, strict=True)
        if row < 0 or bank.image(row)['name'] != name_code(info['img_path'])
    ]
    if wrong:
        info, row = wrong[0]
        problem = bank.absent(info['img_id'], info['img_path'], known=row >= 0).problem
        what = f'{problem.what}: {len(wrong)} of {len(infos)} unlabeled images looked up'
        return [replace(problem, what=what)]
    sized = slice(None, None, -(-len(infos) // MAX_COMPARED_SIZES) or 1)
    told = [
        other_size(info['img_path'], bank.image(row))
        for info, row in zip(infos[sized], rows[sized], strict=True)
    ]
    if differing := [text for text in told if text]:
        share = f'{len(differing)} of {len(told)} looked up'
        return [bank.of_others('; '.join(differing[:5]), share).problem]
    return []


@lru_cache(maxsize=8)
def _verify(folder: str, changed: int) -> None:
    LabelBankFiles(folder).verify()


def _teacher_file(labeler: Mapping[str, Any], cfg: Mapping[str, Any]) -> str | None:
    """The file of the teacher, if it is at hand."""
    # What a run resumes from is its student, which is not the teacher any more.
    start = labeler.get('checkpoint') or (None if cfg.get('resume') else cfg.get('load_from'))
    file = local_file(start) if start else None
    return file if file and osp.isfile(file) else None


def least_threshold(balancer: Mapping[str, Any]) -> float | None:
    """The least threshold that a ``ClassBalancer`` may set; None if its config does not say."""
    if 'threshold' not in balancer:
        return None
    if not balancer.get('threshold_power'):
        return float(balancer['threshold'])  # bounds or not (equations.class_thresholds)
    return float(balancer['bounds'][0]) if 'bounds' in balancer else None


def labeled_view(cfg: Mapping[str, Any]) -> FixedView:
    """The weak view of a student's config as a bank labels it; a ValueError if it is not the same each time."""
    test = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    unlabeled = cfg['train_dataloader']['dataset']['unlabeled']
    return fixed_view(unlabeled['pipeline'], test.get('pipeline') or [])


def _again(what: str, expected: Any, actual: Any) -> Problem:
    return Problem(f'the label bank has {what}', f'{expected}', f'{actual}', AGAIN)
