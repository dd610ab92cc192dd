"""Check that the starting checkpoint is known, there and whole, and fetch it where it is not."""

from __future__ import annotations

import os.path as osp
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmssod.environment.checkpoint_damage import damage
from mmssod.start import StartError, find_model, names_file, start_file
from mmssod.structures import Problem


def start_problems(cfg: Any) -> list[Problem]:
    """What keeps a run from its start: an unknown name, or a file that is damaged or not there. Nothing is fetched.

    Of a teacher's checkpoint that is not there the command is named that makes it.

    Args:
        cfg: a training config.
    """
    labels = ((cfg.get('model') or {}).get('labeler') or {}).get('checkpoint')
    damaged = [
        problem
        for key, file in (('load_from', cfg.get('load_from')), ('model.labeler.checkpoint', labels))
        for problem in _damage_problems(key, file)
    ]
    start = cfg.get('load_from')
    if not start:
        return [*damaged, *_no_teacher_problems(cfg)]
    if not names_file(start):
        return [*damaged, *_name_problems(start)]
    if '://' in start or osp.exists(osp.expanduser(start)):
        return damaged
    teacher = teacher_config(getattr(cfg, 'filename', None) or '', start)
    first, both = f'the run that leaves {start}', '--teacher'
    if teacher is not None:
        own, other = shlex.quote(str(cfg.filename)), shlex.quote(str(teacher))
        first, both = f'mmssod train {other}', f'mmssod train {own} --teacher {other}'
    return [
        Problem(
            'no checkpoint to start from',
            f'load_from = {start}',
            f'nothing at {osp.abspath(start)}',
            f'a student starts from its teacher, so train that first ({first}), or both with '
            f'{both}; or name another checkpoint with --load-from',
        )
    ]


def fetch_problems(cfg: Any) -> list[Problem]:
    """Fetch the start of a run where it is a name or a URL and not on this machine yet; what kept it from that.

    Args:
        cfg: a training config.
    """
    start = cfg.get('load_from')
    if not start or cfg.get('resume') or names_file(start) or _name_problems(start):
        return []
    try:
        start_file(start)
    except StartError as error:
        return [error.problem]
    return []


def _name_problems(start: str) -> list[Problem]:
    try:
        if not start.startswith(('http://', 'https://')):
            find_model(start)
    except StartError as error:
        return [error.problem]
    return []


def _damage_problems(key: str, file: str | None) -> Iterator[Problem]:
    file = osp.expanduser(file) if file else None
    wrong = damage(file) if file and osp.isfile(file) else None
    if wrong is not None:
        yield Problem(
            'a damaged checkpoint',
            f'{key} = a whole file of torch.save, or of safetensors',
            f'{file}: {wrong}',
            'copy it again, or name another one; the run that wrote it may have the one before',
        )


def _no_teacher_problems(cfg: Any) -> list[Problem]:
    labeler = (cfg.get('model') or {}).get('labeler') or {}
    if labeler.get('type') != 'FrozenTeacher' or labeler.get('checkpoint') or cfg.get('resume'):
        return []
    return [
        Problem(
            'a frozen teacher without weights',
            'load_from, or model.labeler.checkpoint',
            'neither',
            'name the checkpoint of a trained teacher with --load-from',
        )
    ]


def teacher_config(student: str, start: str) -> Path | None:
    """The config beside a student's that trains in the folder of its start; None if none is called so.

    A run's folder is called like its config, perhaps with a split behind it: ``teacher_coco_partial_1@2``.

    Args:
        student: config file of the student.
        start: checkpoint that it starts from.
    """
    folder = osp.basename(osp.dirname(start))
    beside = [
        file
        for file in Path(student).parent.glob('*.py')
        if folder == file.stem or folder.startswith(file.stem + '_')
    ]
    return max(beside, key=lambda file: len(file.stem), default=None)
