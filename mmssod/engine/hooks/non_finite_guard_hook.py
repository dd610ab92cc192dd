"""Training stops at the first NaN or infinity, and says where it came from."""

from __future__ import annotations

import json
import math
import os.path as osp
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper

from mmssod.engine.runner_access import batch_image_paths

_MENDS = (
    'clip gradients (optim_wrapper.clip_grad=dict(max_norm=35, norm_type=2)), warm the learning '
    'rate up (a LinearLR of some hundred iterations), or lower it; with few GPUs pass '
    '--auto-scale-lr'
)


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Raises when a loss, the gradient norm or a weight is NaN or infinite.

    After each iteration all losses are tested, in one transfer from the device; before a
    checkpoint is written its weights are. So no checkpoint ever holds a NaN, and the file
    ``non_finite_iter_N.json`` in the work directory holds what is needed to find the cause: the
    values of all losses, the images of the batch by branch, and the learning rates.

    The gradient norm is tested where gradients are clipped and the precision is full: with dynamic
    loss scaling an infinite norm is an everyday event which the scaler handles.

    Raises:
        RuntimeError: names the values, the iteration, the file and what usually helps.
    """

    priority = 'HIGHEST'

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Test what the iteration logged."""
        values = _scalars(outputs or {})
        values.update(_gradient_norm(runner))
        bad = {
            name: value
            for name, value in values.items()
            if ('loss' in name or name == 'grad_norm') and not math.isfinite(value)
        }
        if not bad:
            return
        file = _write_report(runner, values, data_batch)
        named = ', '.join(f'{name} = {value}' for name, value in bad.items())
        raise RuntimeError(
            f'not finite in iteration {runner.iter + 1}: {named}. All losses, the learning rate '
            f'and the images of the batch are in {file}. What usually helps: {_MENDS}'
        )

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Test the weights that are about to be written."""
        bad = [
            name
            for name, value in checkpoint['state_dict'].items()
            if value.is_floating_point() and not torch.isfinite(value).all()
        ]
        if bad:
            shown = ', '.join(bad[:5]) + (' ...' if len(bad) > 5 else '')
            raise RuntimeError(
                f'after iteration {runner.iter + 1}, {len(bad)} weights or buffers are not finite '
                f'({shown}); no checkpoint was written over the last good one. What usually '
                f'helps: {_MENDS}'
            )


def _scalars(outputs: dict) -> dict[str, float]:
    """Logged scalars as Python numbers, with one transfer for all tensors."""
    tensors = {k: v for k, v in outputs.items() if torch.is_tensor(v) and v.numel() == 1}
    values = {k: float(v) for k, v in outputs.items() if isinstance(v, (int, float))}
    if tensors:
        stacked = torch.stack([value.detach().double().flatten()[0] for value in tensors.values()])
        values.update(zip(tensors, stacked.tolist(), strict=True))
    return values


def _gradient_norm(runner: Any) -> dict[str, float]:
    history = runner.message_hub.log_scalars.get('train/grad_norm')
    if history is None or isinstance(runner.optim_wrapper, AmpOptimWrapper):
        return {}
    return {'grad_norm': float(history.current())}


def _write_report(runner: Any, values: dict[str, float], data_batch: Any) -> str:
    rank = f'_rank{runner.rank}' if runner.rank else ''
    file = osp.join(runner.work_dir, f'non_finite_iter_{runner.iter + 1}{rank}.json')
    report = {
        'iteration': runner.iter + 1,
        'losses': {
            name: value if math.isfinite(value) else str(value) for name, value in values.items()
        },
        'images': batch_image_paths(data_batch),
        'learning_rate': runner.optim_wrapper.get_lr(),
    }
    with open(file, 'w', encoding='utf-8') as stream:
        json.dump(report, stream, indent=1)
    return file
