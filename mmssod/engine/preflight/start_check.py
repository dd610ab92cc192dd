"""Is the checkpoint there that a run starts from?"""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmssod.structures import Problem


def start_problems(cfg: Any) -> list[Problem]:
    """A ``load_from`` that is not there, with the command that makes it.

    Args:
        cfg: a training config.
    """
    start = cfg.get('load_from')
    if not start or '://' in start or osp.exists(start):
        return []
    # A run's folder is called like its config, and a student's config lies beside its teacher's.
    trained_by = osp.basename(osp.dirname(start)) + '.py'
    beside = osp.join(osp.dirname(getattr(cfg, 'filename', None) or ''), trained_by)
    first = f'tools/train.py {beside}' if osp.isfile(beside) else f'the run of {trained_by}'
    return [
        Problem(
            'no checkpoint to start from',
            f'load_from = {start}',
            f'nothing at {osp.abspath(start)}',
            f'a student starts from its teacher, so train that first ({first}), or both with '
            '--teacher; or name another checkpoint with --load-from',
        )
    ]
