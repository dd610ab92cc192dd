"""Saves checkpoints so that a kill, a crash or a full disk cannot damage them."""

from __future__ import annotations

import os.path as osp
from pathlib import Path
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmssod.engine.hooks.ema_teacher_hook import EMATeacherHook
from mmssod.engine.main_metric import main_metric, step_of
from mmssod.engine.reliability.checkpoint_files import (
    LAST,
    WHOLE_FILES,
    keep_own_names,
    name_in,
    note_older,
)
from mmssod.environment.log_entries import note_start
from mmssod.environment.whole_files import unfinished_files, write_whole


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, in an order that never leaves a run without a whole checkpoint.

    1. The new checkpoint is written beside its name, forced to the disk, and takes its name in one step.
    2. ``last_checkpoint`` names it, replaced in the same way.
    3. Only then those beyond ``max_keep_ckpts`` are removed, and a best one after the better one is there.

    Killed at any moment, ``last_checkpoint`` names a whole file. All arguments are mmengine's. With
    ``save_best='auto'`` the evaluation with the highest AP is kept as ``best_*_iter_N.pth``, weights without the
    optimizer's state (:func:`~mmssod.engine.main_metric.main_metric`; of teacher and student evaluated together the
    teacher's AP where it follows the student, else the student's); where no metric is an AP, a warning says so once.
    Checkpoints on a remote storage (``out_dir`` with ``://``, or ``backend_args``) are written by its backend, in the
    same order. What a full disk says is in ``full_disk.py``.
    """

    file_backend: Any  # mmengine's, without types
    last_ckpt: Any
    backend_args: Any
    save_best: Any

    _saved_at = -1

    def before_train(self, runner: Runner) -> None:
        """Choose the backend; remove what a killed run left unfinished."""
        out_dir = self.out_dir or runner.work_dir
        plain = self.backend_args is None and self.file_client_args is None
        if plain and isinstance(get_file_backend(out_dir), LocalBackend):
            self.backend_args = {'backend': WHOLE_FILES}
        folder = out_dir
        if out_dir != runner.work_dir:  # as mmengine does
            folder = osp.join(out_dir, osp.basename(runner.work_dir.rstrip(osp.sep)))
        keep_own_names(runner.message_hub.runtime_info, folder)
        if is_main_process():
            goes_on = _goes_on(runner, folder)
            if not goes_on:
                note_older(runner.work_dir, folder)
            note_start(Path(runner.work_dir), runner.timestamp, goes_on=goes_on)
        super().before_train(runner)
        if runner.iter:  # mmengine writes the best one's name into it where it knows it
            self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')
        if is_main_process() and isinstance(self.file_backend, LocalBackend):
            for unfinished in unfinished_files(self.out_dir):
                unfinished.unlink(missing_ok=True)

    def save_now(self, runner: Runner) -> None:
        """Save after this iteration, unless that was done already; for ``after_train_iter``, on all processes."""
        if not self.saved(runner):
            runner.call_hook('before_early_checkpoint')
            self._save_checkpoint(runner)

    def saved(self, runner: Runner) -> bool:
        """Whether this process's run has saved after this iteration."""
        return self._saved_at == runner.iter

    def _save_checkpoint(self, runner: Runner) -> None:
        super()._save_checkpoint(runner)
        self._saved_at = runner.iter

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        name = self.filename_tmpl.format(step)
        outdated = self._outdated(runner, step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            write_whole(osp.join(runner.work_dir, LAST), name_in(runner.work_dir, self.last_ckpt))
            for path in outdated:
                _remove(self.file_backend, path)

    def _outdated(self, runner: Runner, step: int) -> list[str]:
        """Enter a checkpoint among those kept; paths of those that are too many then, oldest first."""
        if self.max_keep_ckpts <= 0 or (self.keep_ckpt_ids and self.keep_ckpt_ids[-1] == step):
            return []
        steps = [*(kept for kept in self.keep_ckpt_ids if kept != step), step]
        kept = steps[-self.max_keep_ckpts :]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(kept)
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        return [
            self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
            for old in steps[: -self.max_keep_ckpts]
        ]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        """As mmengine's, which removes the former best one first; here that waits for the new one."""
        if not self.save_best:
            return
        if 'auto' in self.key_indicators and not self._choose_metric(runner, metrics):
            return
        backend = self.file_backend
        self.file_backend = waiting = _RemovesLater(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        # mmengine has one of the two attributes, after the number of metrics.
        best = [getattr(self, 'best_ckpt_path', None)]
        best += getattr(self, 'best_ckpt_path_dict', {}).values()
        for path in waiting.paths:
            if path not in best:
                _remove(backend, path)
        if is_main_process() and isinstance(backend, LocalBackend):
            self._remove_former(best)

    def best_iteration(self, runner: Runner) -> int | None:
        """The iteration of the best evaluation so far; None before the first, or with several ``save_best``."""
        return step_of(str(runner.message_hub.runtime_info.get('best_ckpt') or ''))

    def _choose_metric(self, runner: Runner, metrics: dict[str, Any]) -> bool:
        """Decide what ``auto`` means, once; whether there is such a metric."""
        name = judged_by(runner, metrics)
        if name is None:
            runner.logger.warning(
                f'no best checkpoint is kept: expected an AP among the metrics, got {sorted(metrics)}; name one with '
                'default_hooks.checkpoint.save_best and rule'
            )
            self.save_best = None
            return False
        self._init_rule(['greater'], [name])
        return True

    def _remove_former(self, best: list[Any]) -> None:
        """Remove what an earlier start of the run, or a kill, has left of the same metrics."""
        kept = {Path(path).name for path in best if path}
        for key in self.key_indicators:
            start = f'best_{key}_'.replace('/', '_')
            if not any(name.startswith(start) for name in kept):
                continue
            for path in Path(self.out_dir).glob(f'{start}*.pth'):
                if path.name not in kept and step_of(path.name) is not None:
                    path.unlink(missing_ok=True)


def checkpoint_hook(runner: Runner) -> WholeCheckpointHook | None:
    """The hook of a run that saves its checkpoints; None where its config has another or none."""
    return next((hook for hook in runner.hooks if isinstance(hook, WholeCheckpointHook)), None)


def judged_by(runner: Runner, metrics: dict[str, Any]) -> str | None:
    """The name of the AP that a run is judged by, of the teacher where one follows the student; None for none."""
    moving = any(isinstance(hook, EMATeacherHook) for hook in runner.hooks)
    return main_metric(metrics, teacher=moving)


class _RemovesLater:
    """A file backend that writes down what it is told to remove."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.paths: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.paths.append(path)

    rmtree = remove


def _goes_on(runner: Runner, folder: str) -> bool:
    """Whether a run goes on from a checkpoint of its own folder."""
    if not runner._resume or not runner._load_from:  # by mmengine: from the newest of its folder
        return bool(runner._resume)
    start = osp.dirname(osp.abspath(runner._load_from))
    return start in (osp.abspath(folder), osp.abspath(runner.work_dir))


def _remove(backend: Any, path: str) -> None:
    """Remove a file, or a folder as DeepSpeed writes them."""
    if backend.isfile(path):
        backend.remove(path)
    elif backend.isdir(path):
        backend.rmtree(path)
