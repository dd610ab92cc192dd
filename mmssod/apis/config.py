"""Loads a config file and applies options, giving a config from which a runner can be built."""

from __future__ import annotations

import os.path as osp
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmssod.datasets.transforms.steps import write_order
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint
from mmssod.engine.reliability.shared_memory import LOADER_TIMEOUT
from mmssod.engine.start_runner import StartRunner, with_start
from mmssod.environment.errors import InputError
from mmssod.models.build_detector import prepared

ConfigLike: TypeAlias = Config | str | Path


def load_config(
    config: ConfigLike,
    *,
    work_dir: str | None = None,
    cfg_options: dict[str, Any] | None = None,
    launcher: str = 'none',
    seed: int | None = None,
) -> Config:
    """Load a config and apply options to a copy of it.

    Args:
        config: a config file, or a config (which is not changed).
        work_dir: where logs and checkpoints go; else the config's, else
            ``./work_dirs/<name of the config file>``.
        cfg_options: values by dotted key, such as ``{'optim_wrapper.optimizer.lr': 0.01}`` (they are not changed).
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
        seed: random seed of the run; else the config's ``randomness.seed``.

    Returns:
        Config: ready for ``build_runner``.

    Raises:
        ValueError: a file that cannot be read, or that has neither a model nor phases.
        FileNotFoundError: it, or one that it builds on, is not there.
    """
    cfg = deepcopy(config) if isinstance(config, Config) else read_config(str(config))
    # Its text is written with every checkpoint: with yapf that takes seconds, and Ctrl-C in it is a syntax error.
    object.__setattr__(cfg, '_format_python_code', False)
    if cfg_options:
        cfg.merge_from_dict(deepcopy(cfg_options))  # merging takes `_delete_` out of it
    _set_workers(cfg)
    cfg.launcher = launcher
    if seed is not None:
        cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        name = osp.splitext(osp.basename(cfg.filename or 'config'))[0]
        cfg.work_dir = osp.join('work_dirs', name)
    return cfg


def _set_workers(cfg: Config) -> None:
    """Limit the time of loaders with workers; leave out what torch refuses of one that loads in the process itself."""
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(key)
        if isinstance(loader, dict) and not loader.get('num_workers'):  # torch's default is 0
            loader['persistent_workers'] = False
            loader.pop('prefetch_factor', None)
            loader.pop('timeout', None)
        elif isinstance(loader, dict):
            loader.setdefault('timeout', LOADER_TIMEOUT)


def read_config(file: str) -> Config:
    """A config file's config, or one error for all that a file of Python code may raise.

    Raises:
        ValueError, FileNotFoundError: see ``load_config``.
    """
    try:
        cfg = Config.fromfile(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'config {file}: it, or a file that it builds on: {error}'
        ) from error
    except Exception as error:
        raise InputError(
            f'config {file}: expected one that mmengine reads, got {type(error).__name__}: {error}'
        ) from error
    if 'model' not in cfg and 'multi_phase' not in cfg:
        raise InputError(
            f'config {file}: expected a model, found none; name the config of a training, such as student.py, not one '
            'that it builds on'
        )
    return cfg


def use_amp(cfg: Config) -> None:
    """Turn on automatic mixed precision with dynamic loss scaling.

    Raises:
        ValueError: there is no accelerator.
    """
    if get_device() == 'cpu':
        raise InputError(
            'mixed precision: expected a GPU (or NPU, MLU), found only a CPU; leave --amp out'
        )
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def use_auto_scale_lr(cfg: Config) -> None:
    """Scale the learning rate by (images per optimizer step) / (``auto_scale_lr.base_batch_size``).

    Raises:
        ValueError: the config does not say for which batch its learning rate is meant.
    """
    scale = cfg.get('auto_scale_lr') or {}
    if 'base_batch_size' not in scale:
        raise InputError(
            'scaling the learning rate: expected auto_scale_lr=dict(base_batch_size=...) in the '
            f'config, got {dict(scale) or None}; add the batch (images per iteration, all GPUs '
            'together) that the learning rate is meant for'
        )
    cfg.auto_scale_lr.enable = True
    # mmengine compares it with the images of one iteration.
    cfg.auto_scale_lr.base_batch_size /= cfg.optim_wrapper.get('accumulative_counts', 1)


def set_start(cfg: Config, *, resume: bool | str, load_from: str | None) -> None:
    """Decide where the run starts: a checkpoint to resume, weights to load, or neither.

    Args:
        cfg: changed in place (``resume``, ``load_from``).
        resume: True or ``'auto'`` resumes the newest checkpoint in the work directory when there is
            one and starts as the config says when there is none, so one command line serves the
            first start and every restart; a damaged one is passed over with a warning. A path resumes
            that checkpoint.
        load_from: weights to start from, a file, a URL or a model's name (:mod:`mmssod.start`); else the config's
            ``load_from``.

    Raises:
        ValueError: both a checkpoint to resume and weights to load were named; no checkpoint is whole.
    """
    if load_from is not None:
        cfg.load_from = load_from
    if not resume and cfg.get('resume') and not cfg.get('load_from'):
        resume = 'auto'  # what mmengine means by it, but past a damaged file
    if not resume:
        cfg.resume = bool(cfg.get('resume', False))
        return
    if resume is True or resume == 'auto':
        newest = newest_checkpoint(cfg.work_dir)
        cfg.resume = newest is not None
        cfg.load_from = newest if newest is not None else cfg.get('load_from')
        return
    if load_from is not None:
        raise InputError(
            f'expected one start, got two: resume {resume} and load_from {load_from}. A resumed '
            'run takes all its weights from its checkpoint: leave --load-from out'
        )
    cfg.resume, cfg.load_from = True, resume


def teacher_checkpoint(cfg: Config) -> tuple[str, str]:
    """Where a student's config names its teacher's checkpoint: a dotted key, and its value.

    ``load_from``, from which student and teacher start alike; or, of a student that does not start from its teacher
    (STAC), the labeler's own.
    """
    own = cfg.get('model', {}).get('labeler', {}).get('checkpoint')
    start = cfg.get('load_from')
    if own and not start:
        return 'model.labeler.checkpoint', own
    return 'load_from', start or ''


def use_both_loops(cfg: Config) -> None:
    """Let the loops evaluate teacher and student.

    Raises:
        ValueError: One of them is not mmengine's own.
    """
    for key, both in (('val_cfg', 'BothValLoop'), ('test_cfg', 'BothTestLoop')):
        kind = (cfg.get(key) or {}).get('type')
        plain = both.removeprefix('Both')
        if kind == plain:
            cfg[key].type = both
        elif kind not in (None, both):
            raise InputError(
                f"model.predict_with='both': expected {key}=dict(type='{plain}'), got {kind!r}; change {key}, or let "
                "predict_with be 'teacher' or 'student'"
            )


def _runner_class(name: str | None) -> Any:
    if name is None:
        return StartRunner
    kind = RUNNERS.get(name)
    if kind is None:
        raise InputError(
            f"runner_type: expected a registered runner, got {name!r}; leave it out for mmengine's, or name the module "
            'that registers it in custom_imports'
        )
    return with_start(kind)


def build_runner(cfg: Config) -> Runner:
    """Build the runner; ``cfg.runner_type`` names another class than mmengine's.

    Its training may start from what :func:`~mmssod.start.read_start` reads. The config that it writes to the work
    directory can be trained again.

    Raises:
        ValueError: Teacher and student shall both be evaluated, in a loop that cannot.
    """
    if cfg.get('model', {}).get('predict_with') == 'both':
        use_both_loops(cfg)
    write_order(cfg)
    runner = _runner_class(cfg.get('runner_type')).from_cfg(cfg)
    prepared(runner.model)  # of a supervised run, too
    return runner
