"""Logs pseudo-label statistics, and warns with likely causes when there are no pseudo labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmssod.engine.reliability.buffer_broadcast_hook import checkpoint_follows
from mmssod.engine.runner_access import bare_model
from mmssod.environment.errors import InputError

_KEPT = 'pseudo_label_counts'  # in checkpoints

_CAUSES = """\
  1. the thresholds are above what the teacher reaches: lower balancer.threshold and its bounds, or
     let the selector test p alone where v is low (large K, short training)
  2. the teacher knows nothing yet: its checkpoint did not load (see the log for missing keys),
     it trained too briefly, or the burn-in is too short
  3. the teacher was trained with other classes or another order of classes
  4. teacher and student do not get the same normalization, channel order or image size"""


@HOOKS.register_module()
class PseudoLabelHook(Hook):
    """Logs statistics of the pseudo labels, and warns when none is kept for many iterations.

    Every ``interval`` iterations two lines, one of the candidates and one of what was kept of them: images seen, boxes
    an image, and the 10, 50 and 90 % quantiles of their certainties p (class) and v (localization); the figures of the
    kept ones go to the visualizer (TensorBoard), too. Then the statistics start anew.

    After ``patience`` consecutive iterations without a pseudo box on this process it warns, with
    the thresholds, this process's candidates and the likely causes, and again after each further
    ``patience`` iterations; where there is no candidate either, it says that the teacher predicts nothing. With
    ``policy='stop'`` that ends the run. Burn-in iterations and supervised training do not count.

    Its counts are in checkpoints, those of the first process, so that patience does not begin anew with each resume;
    so are the statistics, those of all processes.

    After ``class_patience`` iterations with unlabeled images it names, once, the classes that no pseudo box had so far.
    With ``class_policy='stop'`` that ends the run.

    Args:
        interval: iterations between two lines, >= 1.
        patience: iterations without any pseudo box before a warning, >= 1.
        policy: ``'warn'`` or ``'stop'``, when no pseudo box was kept for ``patience`` iterations.
        class_patience: iterations before classes without a pseudo box are named, >= 1.
        class_policy: ``'warn'`` or ``'stop'``, when there are such classes.

    Raises:
        ValueError: a number below 1, or another policy.
        RuntimeError: no pseudo box, or none of a class, was kept for so long, and the policy is ``'stop'``.
    """

    cheap_to_build = True

    priority = 51  # after ClassBalanceHook, which reads the statistics that this hook resets

    def __init__(
        self,
        interval: int = 50,
        patience: int = 100,
        policy: str = 'warn',
        class_patience: int = 1000,
        class_policy: str = 'warn',
    ) -> None:
        if min(interval, patience, class_patience) < 1:
            raise InputError(
                f'expected interval, patience and class_patience >= 1, got interval={interval}, '
                f'patience={patience}, class_patience={class_patience}'
            )
        for name, value in (('policy', policy), ('class_policy', class_policy)):
            if value not in ('warn', 'stop'):
                raise InputError(f"expected {name} to be 'warn' or 'stop', got {value!r}")
        self.interval = interval
        self.patience = patience
        self.policy = policy
        self.class_patience = class_patience
        self.class_policy = class_policy
        self._empty_steps = 0
        self._steps = 0
        self._seen_classes: set[int] = set()
        self._classes_named = False

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the counts."""
        statistics = {name: held.cpu() for name, held in _statistics(bare_model(runner)).items()}
        checkpoint[_KEPT] = dict(
            empty_steps=self._empty_steps,
            steps=self._steps,
            seen_classes=sorted(self._seen_classes),
            classes_named=self._classes_named,
            statistics=statistics,
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take them back at a resume."""
        if runner._resume and (kept := checkpoint.get(_KEPT)):
            self._empty_steps, self._steps = kept['empty_steps'], kept['steps']
            self._seen_classes = set(kept['seen_classes'])
            self._classes_named = kept['classes_named']
            if is_main_process():
                held = _statistics(bare_model(runner))
                for name, counts in kept.get('statistics', {}).items():  # not in old checkpoints
                    held[name].copy_(counts)

    def before_early_checkpoint(self, runner: Runner) -> None:
        """Gather the statistics for a checkpoint that a signal asks for."""
        for part in _parts(bare_model(runner)).values():
            part.gather()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Count empty steps, warn, log; gather the statistics where a checkpoint follows."""
        model = bare_model(runner)
        if model.unsupervised and outputs is not None and 'pseudo_boxes' in outputs:
            self._steps += 1
            self._empty_steps = self._empty_steps + 1 if float(outputs['pseudo_boxes']) == 0 else 0
            if self._empty_steps and self._empty_steps % self.patience == 0:
                self._warn(runner, model)
        if self.every_n_train_iters(runner, self.interval):
            self._log(runner, model)
        if checkpoint_follows(runner):
            self.before_early_checkpoint(runner)

    def _log(self, runner: Runner, model: Any) -> None:
        candidates = model.candidate_statistics.summary(reduce=True)
        seen = model.statistics.summary(reduce=True)
        model.candidate_statistics.reset()
        model.statistics.reset()
        if not seen['images']:
            return
        self._name_unseen_classes(runner, seen['boxes_per_class'])  # all processes stop together
        if not is_main_process():
            return
        runner.logger.info(
            f'pseudo labels, last {self.interval} iterations: {describe(seen)}\n'
            f'of candidates: {describe(candidates)}'
        )
        scalars = {'pseudo/boxes_per_image': seen['boxes_per_image']}
        for name in ('p', 'v'):
            quantiles = seen[f'{name}_quantiles']
            if quantiles:
                scalars[f'pseudo/{name}_median'] = quantiles[1]
        runner.visualizer.add_scalars(scalars, step=runner.iter + 1)

    def _name_unseen_classes(self, runner: Runner, boxes_per_class: Sequence[float]) -> None:
        self._seen_classes |= {label for label, boxes in enumerate(boxes_per_class) if boxes}
        if self._classes_named or self._steps < self.class_patience:
            return
        self._classes_named = True
        names = runner.train_dataloader.dataset.metainfo.get('classes') or ()
        unseen = [name for label, name in enumerate(names) if label not in self._seen_classes]
        if unseen:
            text = (
                f'{len(unseen)} of {len(names)} classes had no pseudo box in {self._steps} iterations with unlabeled '
                f'images: {unseen}. They are learned from labeled boxes alone; where the teacher does find them, lower '
                'their thresholds (balancer.threshold_power, balancer.bounds)'
            )
            if self.class_policy == 'stop':
                raise RuntimeError(text)
            if is_main_process():
                runner.logger.warning(text)

    def _warn(self, runner: Runner, model: Any) -> None:
        # On some processes only, so no summary over all of them here: it would wait for the others.
        tau = model.balancer.thresholds()
        candidates = model.candidate_statistics.summary()
        silent = candidates['images'] and not candidates['boxes_per_image']
        text = (
            f'iteration {runner.iter + 1}: no pseudo box was kept in the last '
            f'{self._empty_steps} iterations, so the unsupervised loss teaches nothing'
            f'{": the teacher predicts nothing" if silent else ""}.\n'
            f'thresholds tau: {float(tau.min()):.2f} to {float(tau.max()):.2f}\n'
            f'candidates: {describe(candidates)}\n'
            f'likely causes:\n{_CAUSES}'
        )
        if self.policy == 'stop':
            raise RuntimeError(text)
        runner.logger.warning(text)


def _parts(model: Any) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ('candidate_statistics', 'statistics')}


def _statistics(model: Any) -> dict[str, Tensor]:
    """What both statistics count, by ``part.buffer``."""
    return {
        f'{part}.{name}': buffer
        for part, statistics in _parts(model).items()
        for name, buffer in statistics.named_buffers()
    }


def describe(seen: dict[str, Any]) -> str:
    """One line for a summary of ``PseudoLabelStatistics``."""
    return (
        f'{seen["images"]} images, {seen["boxes_per_image"]:.2f} boxes per image; their quantiles 10/50/90 %: p '
        f'{_quantiles(seen["p_quantiles"])}, v {_quantiles(seen["v_quantiles"])}'
    )


def _quantiles(values: Sequence[float]) -> str:
    return '/'.join(f'{value:.2f}' for value in values) or '-'
