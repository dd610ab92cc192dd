"""Train a detector from a config."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from mmssod.apis.config import (
    ConfigLike,
    build_runner,
    load_config,
    set_start,
    use_amp,
    use_auto_scale_lr,
)
from mmssod.apis.distributed import process_group
from mmssod.engine.preflight import config_problems, fetch_problems, raise_together, start_problems
from mmssod.engine.reliability.shared_memory import hung_loader_named
from mmssod.engine.reliability.work_dir import full_disk_named, run_lock
from mmssod.environment.checkpoints import trusting


def train(
    config: ConfigLike,
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
    hooks: Sequence[Hook] = (),
) -> dict[str, float]:
    """Train a detector.

    Args:
        config: a config file or config.
        work_dir: where logs and checkpoints go, see ``load_config``.
        resume: True, ``'auto'`` or a checkpoint, see ``set_start``.
        load_from: weights to start from: a file, a URL, or a model's name (:mod:`mmssod.start`).
        seed: random seed.
        amp: mixed precision.
        auto_scale_lr: scale the learning rate to the batch.
        cfg_options: values by dotted key that replace the config's.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
        trust_checkpoint: unpickle checkpoints without a limit, which runs whatever code they hold.
        hooks: see :func:`run_training`.

    Returns:
        dict[str, float]: metrics of the last evaluation of this call by name (``coco/bbox_mAP``,
        ...); empty when there was none.

    Raises:
        ValueError: everything that is found wrong before training, together.
        UnsafeCheckpointError: a checkpoint holds more than weights and is not trusted.
        RuntimeError: of a full disk, with the file and the last whole checkpoint; of data workers that hang.
    """
    cfg = prepare(
        config,
        work_dir=work_dir,
        resume=resume,
        load_from=load_from,
        seed=seed,
        amp=amp,
        auto_scale_lr=auto_scale_lr,
        cfg_options=cfg_options,
        launcher=launcher,
    )
    raise_together([*start_problems(cfg), *config_problems(cfg), *fetch_problems(cfg)])
    setup_cache_size_limit_of_dynamo()
    with trusting(trust_checkpoint), process_group(cfg):
        metrics = run_training(cfg, hooks)
    return metrics


def prepare(
    config: ConfigLike,
    *,
    work_dir: str | None,
    resume: bool | str,
    load_from: str | None,
    seed: int | None,
    amp: bool,
    auto_scale_lr: bool,
    cfg_options: dict[str, Any] | None,
    launcher: str,
) -> Config:
    """The config that ``train`` trains; arguments as there."""
    cfg = load_config(
        config, work_dir=work_dir, cfg_options=cfg_options, launcher=launcher, seed=seed
    )
    if amp:
        use_amp(cfg)
    if auto_scale_lr:
        use_auto_scale_lr(cfg)
    set_start(cfg, resume=resume, load_from=load_from)
    return cfg


def run_training(cfg: Config, hooks: Sequence[Hook] = ()) -> dict[str, float]:
    """Train in the process group that is there; metrics of the last evaluation.

    Args:
        cfg: See :func:`prepare`.
        hooks: More than the config has; they are not in the config that the run writes down.
    """
    with run_lock(cfg.work_dir), full_disk_named(cfg.work_dir), hung_loader_named():
        runner = build_runner(cfg)
        newest = LastEvaluation()
        for hook in (newest, *hooks):
            runner.register_hook(hook)
        try:
            runner.train()
        except (OSError, EOFError) as error:
            if lost := _lost_worker(runner):
                raise RuntimeError(lost) from error
            raise
        finally:
            close(runner)
        return newest.metrics


def _lost_worker(runner: Runner) -> str:
    """Which data worker of the training is gone, and how; '' for none.

    torch says so itself, unless a worker dies while it hands a batch over: then that is a broken connection.
    """
    batches = getattr(runner._train_loop, 'dataloader_iterator', None)
    batches = getattr(batches, 'batches', batches)  # of FastResumeHook
    workers = getattr(getattr(batches, '_iterator', None), '_workers', ())
    end = time.monotonic() + (1.0 if workers else 0.0)  # its connections are gone before it is
    while (
        not (gone := [worker for worker in workers if worker.exitcode]) and time.monotonic() < end
    ):
        time.sleep(0.01)
    if not gone:
        return ''
    return (
        f'DataLoader worker (pid {gone[0].pid}) ended with {gone[0].exitcode} while it handed a batch over (-9 is '
        'SIGKILL, also that of a machine without memory: then lower train_dataloader.num_workers); go on with --resume'
    )


def close(runner: Runner) -> None:
    """Give back what a runner holds: the terminal and the data workers; also after an error.

    Workers that are left to the garbage collector lose their queue before they are told to stop,
    and are waited for, five seconds a loader.
    """
    for hook in runner.hooks:
        if callable(close_hook := getattr(hook, 'close', None)):
            close_hook()
    for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
        if isinstance(loop, BaseLoop):
            loop.dataloader_iterator = None
            loop.dataloader._iterator = None  # where torch keeps persistent workers


class LastEvaluation(Hook):
    """Keeps the metrics of the newest evaluation of this call; the message hub also has those of before a resume."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Keep them."""
        self.metrics = {name: float(value) for name, value in (metrics or {}).items()}
