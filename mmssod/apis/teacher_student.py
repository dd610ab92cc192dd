"""Trains a teacher, then the student that starts from it, in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config
from mmengine.dist import barrier

from mmssod.apis.config import ConfigLike, load_config, teacher_checkpoint
from mmssod.apis.distributed import process_group
from mmssod.apis.training import prepare, run_training
from mmssod.engine.preflight import config_problems, fetch_problems, start_problems
from mmssod.environment.checkpoint_damage import damage
from mmssod.environment.checkpoints import trusting
from mmssod.environment.errors import InputError
from mmssod.structures import raise_together


def train_with_teacher(
    teacher: ConfigLike,
    student: ConfigLike,
    *,
    work_dir: str | None = None,
    resume: bool | str = False,
    load_from: str | None = None,
    seed: int | None = None,
    amp: bool = False,
    auto_scale_lr: bool = False,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
    trust_checkpoint: bool = False,
) -> dict[str, float]:
    """Train the teacher unless its last checkpoint is there, then the student that starts from it, or is labeled by it.

    The student says which checkpoint that is (see ``teacher_checkpoint``), and the teacher is trained in the folder of
    that file.
    A teacher that was cut off resumes. Both configs are checked before the first of the two trainings.

    Args:
        teacher: config of the teacher.
        student: config of the student.
        work_dir: the student's, see ``load_config``.
        resume: the student's, see ``set_start``.
        load_from: the teacher's last checkpoint; else what the student's config names.
        seed, amp, auto_scale_lr, launcher, trust_checkpoint: of both, see ``train``.
        cfg_options: the student's; a teacher is trained as its config says.

    Returns:
        dict[str, float]: the student's metrics, see ``train``.

    Raises:
        ValueError: the student starts from something else than the teacher's last checkpoint; everything else that is
            found wrong before training, together.
    """
    key, named = teacher_checkpoint(load_config(student, cfg_options=cfg_options))
    checkpoint = Path(load_from or named)
    both: dict[str, Any] = dict(seed=seed, amp=amp, auto_scale_lr=auto_scale_lr, launcher=launcher)
    first = prepare(
        teacher,
        work_dir=str(checkpoint.parent),
        resume='auto',
        load_from=None,
        cfg_options=None,
        **both,
    )
    if checkpoint.name != last_checkpoint(first):
        raise InputError(
            f"teacher and student: expected the student to start from the teacher's last "
            f'checkpoint, {last_checkpoint(first)}, got {key}={str(checkpoint)!r}; correct '
            f"the student config's {key}, or pass --load-from FOLDER/" + last_checkpoint(first)
        )
    second = prepare(
        student,
        work_dir=work_dir,
        resume=resume,
        load_from=None,
        cfg_options={**(cfg_options or {}), key: str(checkpoint)},
        **both,
    )
    raise_together(
        [
            *start_problems(first),
            *config_problems(first),
            *config_problems(second),
            *fetch_problems(first),
        ]
    )
    setup_cache_size_limit_of_dynamo()
    with trusting(trust_checkpoint), process_group(first), process_group(second):
        metrics = _train_both(first, second, checkpoint)
    return metrics


def last_checkpoint(cfg: Config) -> str:
    """File name of the checkpoint that a training ends with."""
    loop = cfg.train_cfg
    return f'iter_{loop.max_iters}.pth' if 'max_iters' in loop else f'epoch_{loop.max_epochs}.pth'


def _train_both(teacher: Config, student: Config, checkpoint: Path) -> dict[str, float]:
    if not checkpoint.is_file() or damage(str(checkpoint)):
        run_training(teacher)
        barrier()  # the first process writes the file that all read
    return run_training(student)
