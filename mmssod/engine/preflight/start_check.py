"""Is the checkpoint there that a run starts from?"""

from __future__ import annotations

import os.path as osp
from pathlib import Path
from typing import Any

from mmssod.structures import Problem


def start_problems(cfg: Any) -> list[Problem]:
    """A ``load_from`` that is not there, with the command that makes it; a frozen teacher without any weights.

    Args:
        cfg: a training config.
    """
    start = cfg.get('load_from')
    if not start:
        return _no_teacher_problems(cfg)
    if '://' in start or osp.exists(start):
        return []
    teacher = teacher_config(getattr(cfg, 'filename', None) or '', start)
    first = f'tools/train.py {teacher}' if teacher else f'the run that leaves {start}'
    return [
        Problem(
            'no checkpoint to start from',
            f'load_from = {start}',
            f'nothing at {osp.abspath(start)}',
            f'a student starts from its teacher, so train that first ({first}), or both with '
            '--teacher; or name another checkpoint with --load-from',
        )
    ]


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
