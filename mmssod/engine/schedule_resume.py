"""A run that is resumed with another schedule follows that: mmengine would keep the old one's end."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from mmengine.optim import _ParamScheduler
from mmengine.runner import Runner

_PROGRESS = ('last_step', '_global_step', '_last_value', 'base_values', 'verbose')


def settings_of(schedulers: Any) -> list[dict[str, Any]] | None:
    """What each schedule was built with; None where there are none, or those of several optimizers.

    Args:
        schedulers: of a runner.
    """
    if not isinstance(schedulers, list) or not schedulers:
        return None
    if not all(isinstance(scheduler, _ParamScheduler) for scheduler in schedulers):
        return None
    return [
        {key: value for key, value in scheduler.state_dict().items() if key not in _PROGRESS}
        for scheduler in schedulers
    ]


def follow(runner: Runner, wanted: list[dict[str, Any]] | None) -> None:
    """Move the schedules of a run that was just resumed to where those of its config would be; says what differs.

    The values are those of a run that had this schedule from its first iteration. Where nothing differs, nothing
    changes, to the bit.

    Args:
        runner: changed: its schedules, and the optimizer's values that they move.
        wanted: :func:`settings_of` its schedules before the checkpoint was read.
    """
    resumed = settings_of(runner.param_schedulers)
    if wanted is None or resumed is None or wanted == resumed:
        return
    schedulers = runner.param_schedulers
    for scheduler, settings in zip(schedulers, wanted, strict=True):
        scheduler.__dict__.update(settings, last_step=-1, _global_step=-1)
        for group in scheduler.optimizer.param_groups:
            group[scheduler.param_name] = group[f'initial_{scheduler.param_name}']
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that no optimizer step lies between
        for step in range(runner.iter + 1):
            for scheduler in schedulers:
                if step <= (runner.epoch if scheduler.by_epoch else runner.iter):
                    scheduler.step()
    runner.logger.warning(
        f"resumed with another schedule than the checkpoint's ({_differences(resumed, wanted)}): the learning rate "
        f'goes on as in a run that had this one from its start, now {schedulers[-1].get_last_value()[0]:.4g}'
    )


def _differences(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> str:
    pairs = zip(before, now, strict=True)
    found = [
        f'{key} {old.get(key)} -> {new.get(key)}'
        for old, new in pairs
        for key in new
        if old.get(key) != new.get(key)
    ]
    return '; '.join(dict.fromkeys(found))


def warm_up_end(cfg: Mapping[str, Any]) -> int:
    """The iteration until which the learning rate rises, by the ``LinearLR`` of a config; 0 where it does not."""
    schedule = cfg.get('param_scheduler') or []
    steps = [schedule] if isinstance(schedule, Mapping) else schedule
    rises = [s for s in steps if s.get('type') == 'LinearLR' and not s.get('by_epoch', True)]
    return max((step.get('end') or 0 for step in rises), default=0)
