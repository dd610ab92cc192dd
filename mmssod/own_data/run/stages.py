"""The trainings of a project with their configs: what remains to be done, and whether it can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmssod.apis.config import load_config, teacher_checkpoint
from mmssod.apis.teacher_student import last_checkpoint
from mmssod.apis.training import prepare
from mmssod.engine.main_metric import step_of
from mmssod.engine.preflight import config_problems, fetch_problems, start_problems
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint
from mmssod.own_data.run.facts import STAGES, complete, newest_iteration
from mmssod.structures import Problem, raise_together


@dataclass(frozen=True)
class Training:
    """One training of a project.

    Args:
        name: One of :data:`~mmssod.own_data.run.facts.STAGES`.
        config: What is trained; it resumes where it was cut off.
    """

    name: str
    config: Config

    @property
    def work_dir(self) -> Path:
        """Folder of its logs and checkpoints."""
        return Path(self.config.work_dir)

    @property
    def length(self) -> int:
        """Its iterations."""
        return int(self.config.train_cfg.max_iters)

    @property
    def done(self) -> int:
        """Iterations of its newest checkpoint."""
        return newest_iteration(self.work_dir)

    @property
    def complete(self) -> bool:
        """Whether it is trained and evaluated to its end."""
        hooks = [*self.config.default_hooks.values(), *(self.config.get('custom_hooks') or ())]
        early = any((hook or {}).get('type') == 'StopEarlyHook' for hook in hooks)
        evaluated = self.config.get('val_cfg') is not None
        return complete(self.work_dir, self.length, evaluated, early)


def project_trainings(folder: Path, **options: Any) -> list[Training]:
    """The trainings of a project in their order, checked together; nothing is trained.

    A teacher from which the student does not start is left out: the recipe has none.

    Args:
        folder: Project folder.
        options: ``seed``, ``amp``, ``auto_scale_lr`` and ``cfg_options`` as for :func:`mmssod.apis.train`, of all.

    Raises:
        ValueError: Everything that is found wrong in the configs, together.
        FileNotFoundError: A config is not there.
    """
    trainings = [Training(name, _config(folder / f'{name}.py', options)) for name in STAGES]
    teacher, student, supervised = trainings
    fresh = load_config(folder / 'student.py', cfg_options=options.get('cfg_options'))
    key, start = teacher_checkpoint(fresh)  # not of one that resumes its own
    needed = bool(start) and Path(start).parent == teacher.work_dir
    problems = []
    if needed and not student.done and Path(start).name != last_checkpoint(teacher.config):
        problems.append(
            Problem(
                'student: starts from a checkpoint that its teacher does not end with',
                f'{key}={str(teacher.work_dir / last_checkpoint(teacher.config))!r}',
                f'{key}={start!r}',
                f'correct {key} in student.py, or max_iters in teacher.py',
            )
        )
    trainings = trainings if needed else [student, supervised]
    for training in trainings:
        found = _problems(training, needed)
        problems += [replace(one, what=f'{training.name}: {one.what}') for one in found]
    raise_together(problems)
    return trainings


def _config(file: Path, options: dict[str, Any]) -> Config:
    return prepare(
        str(file), work_dir=None, resume='auto', load_from=None, launcher='none', **options
    )


def _problems(training: Training, teacher_first: bool) -> list[Problem]:
    """What is wrong with one that is not complete."""
    if training.complete:
        return []
    cfg = training.config
    if 'max_iters' not in cfg.train_cfg:
        return [
            Problem(
                'its length', 'train_cfg.max_iters', f'{dict(cfg.train_cfg)}', 'count iterations'
            )
        ]
    newest = newest_checkpoint(cfg.work_dir)
    done = step_of(newest) if newest else 0
    problems = []
    if done and done > training.length:
        problems.append(
            Problem(
                'trained for longer than its config says',
                f'at most {training.length} iterations',
                f'{newest}',
                f'remove {training.work_dir}, or set the length in data.py to {done} or more',
            )
        )
    follows = training.name == 'student' and teacher_first
    return [
        *problems,
        *([] if follows else [*start_problems(cfg), *fetch_problems(cfg)]),
        *config_problems(cfg),
    ]
