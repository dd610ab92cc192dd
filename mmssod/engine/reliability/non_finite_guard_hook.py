"""Detects NaN, infinity and exploding gradients, and applies a policy to each."""

from __future__ import annotations

import json
import math
import os.path as osp
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner

from mmssod.engine.runner_access import batch_image_paths
from mmssod.environment.errors import InputError
from mmssod.environment.whole_files import write_whole

_MENDS = (
    'clip gradients (optim_wrapper.clip_grad=dict(max_norm=35, norm_type=2)), warm the learning rate up (a LinearLR of '
    'some hundred iterations), or lower it; with few GPUs pass --auto-scale-lr'
)
POLICIES = ('stop', 'skip', 'warn')
_SKIPPED = 'The step was skipped'
_TAKEN = 'The gradients were finite, so the step was taken'
_NONE = 'No step was due'
_NORM = 'grad_norm'  # as clipping calls it in the log
_KEPT = 'non_finite_guard'  # in checkpoints
WINDOW = 100  # iterations whose median is what a gradient norm is compared with
LEAST = 20  # of them that must be there


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Watches losses, gradients and weights, and applies a policy to NaN, infinity and exploding gradients.

    After each iteration all losses are tested, in one transfer from the device; before a checkpoint
    is written its weights are. So no checkpoint ever holds a NaN, whatever the policy, and the file
    ``non_finite_iter_N.json`` in the work directory holds what is needed to find the cause: the
    values of all losses, the images of the batch by branch, and the learning rates.

    Policies: ``'stop'`` ends the run; ``'skip'`` takes no optimizer step in that iteration and warns, and ends the run
    after ``patience`` such iterations in a row; ``'warn'`` only warns. The gradients of all processes are the same, so
    all of them skip together.

    The gradient norm is what clipping logs; where ``optim_wrapper.clip_grad`` is not set, this hook takes and logs it.
    It is watched in iterations that take a step. In mixed precision only finite
    norms are: with dynamic loss scaling an infinite one is an everyday event which the scaler handles. A norm is an
    explosion when it is ``explosion`` times the median of the last 100. Those, and how many iterations in a row went
    wrong, are in checkpoints: a resumed run decides as the one that was not cut.

    Args:
        policy: for losses and gradients that are NaN or infinite.
        patience: iterations in a row that may go wrong under ``'skip'``, >= 1.
        explosion: how many times its median a gradient norm may be, > 1.
        explosion_policy: for one above that.

    Raises:
        ValueError: a policy that is none, or a number out of its range.
        RuntimeError: names the values, the iteration, the file and what usually helps.
    """

    cheap_to_build = True

    priority = 'HIGHEST'

    def __init__(
        self,
        policy: str = 'stop',
        patience: int = 10,
        explosion: float = 1000.0,
        explosion_policy: str = 'warn',
    ) -> None:
        for name, value in (('policy', policy), ('explosion_policy', explosion_policy)):
            if value not in POLICIES:
                raise InputError(f'expected {name} to be one of {POLICIES}, got {value!r}')
        if patience < 1 or not explosion > 1:
            raise InputError(
                f'expected patience >= 1 and explosion > 1, got patience={patience}, explosion={explosion}'
            )
        self.policy = policy
        self.patience = patience
        self.explosion = explosion
        self.explosion_policy = explosion_policy
        self._skipped_in_a_row = 0
        self._step = _NONE  # whether the optimizer's step of this iteration was taken or skipped
        self._norms_before: np.ndarray | None = None  # those in the log before the iteration
        self._norm: torch.Tensor | None = None  # of this iteration's step, while on the device

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the count of what went wrong in a row back at a resume."""
        if runner._resume:
            self._skipped_in_a_row = checkpoint.get(_KEPT, {}).get('skipped_in_a_row', 0)

    def before_train(self, runner: Runner) -> None:
        """Look at gradients before the optimizer's step, where nobody else logs their norm or a policy can skip one."""
        optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
        skips = 'skip' in (self.policy, self.explosion_policy)
        if optimizer is not None and (skips or not _clipping_logs(runner)):
            optimizer.register_step_pre_hook(lambda *_: self._before_step(runner))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Note the norms in the log, which may be shortened between two iterations."""
        self._norms_before = _norms(runner)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Test what the iteration logged."""
        own = {} if self._norm is None else {_NORM: self._norm}
        values = _scalars((outputs or {}) | own)
        if own:
            self._norm = None
            runner.message_hub.update_scalar(f'train/{_NORM}', values.pop(_NORM))
        norms = _norms(runner)
        fresh = norms is not self._norms_before  # not between the steps of accumulated gradients
        scaled = isinstance(runner.optim_wrapper, AmpOptimWrapper)
        if norms is not None and fresh and not (scaled and not math.isfinite(norms[-1])):
            values[_NORM] = float(norms[-1])
        bad = {
            name: value
            for name, value in values.items()
            if ('loss' in name or name == _NORM) and not math.isfinite(value)
        }
        step, self._step = self._step, _NONE
        if bad:
            file = _write_report(runner, values, data_batch)
            named = ', '.join(f'{name} = {value}' for name, value in bad.items())
            text = (
                f'not finite in iteration {runner.iter + 1}: {named}. All losses, the learning rate '
                f'and the images of the batch are in {file}. What usually helps: {_MENDS}'
            )
            self._act(runner, self.policy, text, step)
        elif fresh and (times := _growth(runner)) > self.explosion:
            text = (
                f'exploding gradients in iteration {runner.iter + 1}: {_NORM} = {values[_NORM]:.3g}, '
                f'{times:.3g} times its median; images: {batch_image_paths(data_batch)}. What usually helps: {_MENDS}'
            )
            self._act(runner, self.explosion_policy, text, step)
        else:
            self._skipped_in_a_row = 0

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Test the weights that are about to be written; keep the count."""
        checkpoint[_KEPT] = dict(skipped_in_a_row=self._skipped_in_a_row)
        bad = [
            name
            for name, value in checkpoint['state_dict'].items()
            if value.is_floating_point() and not torch.isfinite(value).all()
        ]
        if bad:
            shown = ', '.join(bad[:5]) + (' ...' if len(bad) > 5 else '')
            raise RuntimeError(
                f'after iteration {runner.iter + 1}, {len(bad)} weights or buffers are not finite ({shown}); no '
                f'checkpoint was written over the last good one. What usually helps: {_MENDS}'
            )

    def _act(self, runner: Runner, policy: str, text: str, step: str) -> None:
        if policy == 'stop':
            raise RuntimeError(text)
        if policy == 'skip':
            self._skipped_in_a_row += 1
            if self._skipped_in_a_row >= self.patience:
                raise RuntimeError(f'{text} ({self.patience} iterations in a row went wrong)')
            text += f'. {step}'
        runner.logger.warning(text)

    def _before_step(self, runner: Runner) -> None:
        """Take the norm; skip a step: without gradients an optimizer changes neither weights nor its own state."""
        gradients = [
            parameter.grad
            for group in runner.optim_wrapper.optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]
        norm = torch.stack(torch._foreach_norm(gradients)).norm() if gradients else None
        if not _clipping_logs(runner):
            self._norm = norm
        if 'skip' not in (self.policy, self.explosion_policy):
            return  # without waiting for the device
        if self._norm is not None:  # now, for the decision
            runner.message_hub.update_scalar(f'train/{_NORM}', float(self._norm))
            self._norm = None
        broken = self.policy == 'skip' and norm is not None and not bool(norm.isfinite())
        exploded = self.explosion_policy == 'skip' and _growth(runner) > self.explosion
        self._step = _SKIPPED if broken or exploded else _TAKEN
        if broken or exploded:
            runner.optim_wrapper.optimizer.zero_grad(set_to_none=True)


def _scalars(outputs: dict) -> dict[str, float]:
    """Logged scalars as Python numbers, with one transfer for all tensors of a device."""
    tensors = {k: v for k, v in outputs.items() if torch.is_tensor(v) and v.numel() == 1}
    values = {k: float(v) for k, v in outputs.items() if isinstance(v, (int, float))}
    for device in {value.device for value in tensors.values()}:
        here = {k: v.detach().double().squeeze() for k, v in tensors.items() if v.device == device}
        values.update(zip(here, torch.stack(list(here.values())).tolist(), strict=True))
    return values


def _clipping_logs(runner: Runner) -> bool:
    """Whether the optimizer's wrapper takes the gradient norm: to clip by it, not by value."""
    return 'max_norm' in (getattr(runner.optim_wrapper, 'clip_grad_kwargs', None) or {})


def _norms(runner: Runner) -> np.ndarray | None:
    """Gradient norms in the log, the newest last: another array after each that is added; None before the first."""
    history = runner.message_hub.log_scalars.get(f'train/{_NORM}')
    return None if history is None else history.data[0]


def _growth(runner: Runner) -> float:
    """The newest gradient norm in medians of those before it; 0 where too few are known."""
    logged = _norms(runner)
    norms = np.zeros(1) if logged is None else logged[-WINDOW - 1 :].astype(float)
    before = norms[:-1][np.isfinite(norms[:-1])]
    if len(before) < LEAST or not np.median(before) > 0 or not math.isfinite(norms[-1]):
        return 0.0
    return float(norms[-1] / np.median(before))


def _write_report(runner: Runner, values: dict[str, float], data_batch: Any) -> str:
    rank = f'_rank{runner.rank}' if runner.rank else ''
    file = osp.join(runner.work_dir, f'non_finite_iter_{runner.iter + 1}{rank}.json')
    report = {
        'iteration': runner.iter + 1,
        'losses': {name: v if math.isfinite(v) else str(v) for name, v in values.items()},
        'images': batch_image_paths(data_batch),
        'learning_rate': runner.optim_wrapper.get_lr(),
    }
    write_whole(file, json.dumps(report, indent=1))
    return file
