"""Does a label bank hold what the training would otherwise compute?"""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from mmssod.datasets.fixed_view import fixed_view
from mmssod.engine.preflight import labeled_classes
from mmssod.label_bank.bank import LabelBankFiles, other_size
from mmssod.label_bank.layout import BankError, image_key, name_code
from mmssod.models.checkpoint_parts import detector_digest, teacher_digest
from mmssod.start import local_file
from mmssod.structures import Problem

MAX_VERIFIED_BYTES = 1 << 30
"""Banks up to this size are compared with their checksums at the start; of greater ones only the sizes of files."""

MAX_COMPARED_IMAGES = 1_000_000
"""Unlabeled images that are looked up at the start; of more, evenly spread ones are."""

MAX_COMPARED_SIZES = 2000
"""Images whose headers are read at the start, to compare their sizes with those that were labeled."""


def bank_problems(labeler: Mapping[str, Any], cfg: Mapping[str, Any]) -> list[Problem]:
    """All that a config tells of a bank that does not fit.

    Returns:
        A bank that is missing, unfinished or damaged; other classes; another teacher; a floor above the least
        threshold; other views.
    """
    try:
        bank = LabelBankFiles(labeler.get('path', ''))
        if bank.num_bytes <= MAX_VERIFIED_BYTES:
            _verify(str(bank.folder), (bank.folder / 'bank.json').stat().st_mtime_ns)
    except BankError as error:
        return [error.problem]
    return [*_class_problems(cfg, bank), *_floor_problems(cfg, bank), *_view_problems(cfg, bank)]


def bank_warnings(labeler: Mapping[str, Any], cfg: Mapping[str, Any]) -> list[str]:
    """What may make the labels of a bank other ones than a teacher in the step would give, and may be meant.

    Returns:
        The bank's teacher has the weights that the student starts from, and another config: of thresholds, NMS or the
        coder, for instance.
    """
    header = LabelBankFiles(labeler['path']).header
    file = _teacher_file(cfg)
    if not file or teacher_digest(file) != header.teacher:
        return []
    if detector_digest(cfg['model']['detector']) == header.detector:
        return []
    return [
        f'the label bank {labeler["path"]} was made with another config of the detector than model.detector ('
        f'{header.config}): a teacher in the step would label otherwise. Unless that is meant, make it again with this '
        'config: tools/pseudo_label.py CONFIG CHECKPOINT --out NEW_FOLDER'
    ]


def absent_images(bank: LabelBankFiles, dataset: Any) -> list[Problem]:
    """Unlabeled images without labels in the bank, or whose id belongs to another file there."""
    step = -(-len(dataset) // MAX_COMPARED_IMAGES)
    places = range(0, len(dataset), step)
    infos = [dataset.get_data_info(index) for index in places]
    keys = np.array([image_key(info['img_id']) for info in infos], np.int64)
    codes = np.array([name_code(info['img_path']) for info in infos], np.uint32)
    rows = bank.rows_of(keys)
    wrong = rows < 0
    wrong[~wrong] = bank.names_of(rows[~wrong]) != codes[~wrong]
    if not wrong.any():
        return _other_pictures(bank, [info['img_path'] for info in infos], rows)
    first = int(np.flatnonzero(wrong)[0])
    info = infos[first]
    name = f'{info["img_id"]!r} ({info["img_path"]})'
    problem = bank.absent(name, known=bool(rows[first] >= 0)).problem
    what = f'{problem.what}: {int(wrong.sum())} of {len(infos)} unlabeled images looked up'
    return [replace(problem, what=what)]


def _other_pictures(bank: LabelBankFiles, paths: Sequence[str], rows: np.ndarray) -> list[Problem]:
    """Files of the names in the bank that have another size than what was labeled; evenly spread ones are read."""
    step = -(-len(paths) // MAX_COMPARED_SIZES) or 1
    told = [
        other_size(path, bank.image(int(row)))
        for path, row in zip(paths[::step], rows[::step], strict=True)
    ]
    if differing := [text for text in told if text]:
        share = f'{len(differing)} of {len(told)} looked up'
        return [bank.of_others('; '.join(differing[:5]), share).problem]
    return []


@lru_cache(maxsize=8)
def _verify(folder: str, changed: int) -> None:
    LabelBankFiles(folder).verify()


def _class_problems(cfg: Mapping[str, Any], bank: LabelBankFiles) -> Iterator[Problem]:
    """Other classes, another teacher."""
    classes = labeled_classes(cfg)
    if classes and classes != bank.header.classes:
        yield _again('other classes', list(classes), list(bank.header.classes))
    file = _teacher_file(cfg)
    if file and (digest := teacher_digest(file)) != bank.header.teacher:
        yield Problem(
            f'the label bank {bank.folder} was made by another teacher',
            f'weights of {file}, digest {digest[:12]}',
            f'{bank.header.checkpoint}, digest {bank.header.teacher[:12]}',
            "make it again with this teacher; or, where the student is not to start from it, name the bank's teacher "
            'in model.labeler.checkpoint',
        )


def _teacher_file(cfg: Mapping[str, Any]) -> str | None:
    """The file of the teacher, if it is at hand."""
    own = cfg['model']['labeler'].get('checkpoint')
    # What a run resumes from is its student, which is not the teacher any more.
    start = own or (None if cfg.get('resume') else cfg.get('load_from'))
    file = local_file(start) if start else None
    return file if file and osp.isfile(file) else None


def _floor_problems(cfg: Mapping[str, Any], bank: LabelBankFiles) -> Iterator[Problem]:
    least = least_threshold(cfg['model'].get('balancer') or {})
    if least is not None and bank.header.floor > least:
        what = f'the label bank {bank.folder} lacks boxes that the thresholds may ask for'
        expected = f'a floor of at most {least}, the least threshold of model.balancer'
        fix = f'make it again with --floor {least} or less, or raise balancer.threshold or its lower bound'
        yield Problem(what, expected, f'boxes with p >= {bank.header.floor}', fix)


def least_threshold(balancer: Mapping[str, Any]) -> float | None:
    """The least threshold that a ``ClassBalancer`` may set; None if its config does not say."""
    if 'threshold' not in balancer:
        return None
    if not balancer.get('threshold_power'):
        return float(balancer['threshold'])  # bounds or not (equations.class_thresholds)
    return float(balancer['bounds'][0]) if 'bounds' in balancer else None


def _view_problems(cfg: Mapping[str, Any], bank: LabelBankFiles) -> Iterator[Problem]:
    test = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    try:
        unlabeled = cfg['train_dataloader']['dataset']['unlabeled']
        view = fixed_view(unlabeled['pipeline'], test.get('pipeline') or [])
    except (ValueError, KeyError, AttributeError) as error:
        what = 'the weak view cannot be compared with that of the bank'
        yield Problem(what, 'a constant one', str(error), 'correct it')
        return
    if view.as_json() != bank.header.view:
        yield _again('another weak view', view.as_json(), bank.header.view)
    if view.flips and not bank.header.mirrored:
        yield _again('no labels of mirrored views', 'both views', 'the plain view alone')


def _again(what: str, expected: Any, actual: Any) -> Problem:
    fix = 'make it again with this config: tools/pseudo_label.py CONFIG CHECKPOINT --out NEW_FOLDER'
    return Problem(f'the label bank has {what}', f'{expected}', f'{actual}', fix)
