"""Logs each evaluation in one line, with the previous ones as a small chart."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.reliability.whole_checkpoint_hook import checkpoint_hook, judged_by

BARS = '▁▂▃▄▅▆▇█'
SHOWN = 24


@HOOKS.register_module()
class EvaluationLineHook(Hook):
    """Logs the result of an evaluation, such as ``AP 41.2 (AP50 70.1, AP75 40.0) after 400 of 800 iterations  ▁▅█``.

    The bars are the evaluations of the run, those of before a resume among them, from the lowest to the highest AP. All
    figures go to the log file and the visualizer as ever.
    """

    priority = 91  # after CheckpointHook, which knows the best one

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Log it."""
        name = judged_by(runner, metrics or {})
        if metrics is None or name is None:
            return
        history = runner.message_hub.log_scalars.get(f'val/{name}')
        values = [float(value) for value in history.data[0]] if history else []
        line = f'{figures(metrics, name)} after {runner.iter} of {runner.max_iters} iterations'
        if len(values) > 1:
            line += f'  {bars(values)}'
        hook = checkpoint_hook(runner)
        best = hook.best_iteration(runner) if hook else None
        if best is not None and best != runner.iter:
            line += f'  best {100 * max(values):.1f} after {best}'
        runner.logger.info(line)


def figures(metrics: dict[str, float], name: str) -> str:
    """AP, AP50 and AP75 in percent, as far as they are there.

    Args:
        metrics: By name, in [0, 1].
        name: Metric name of AP, see :func:`~mmssod.engine.main_metric.main_metric`.
    """
    folder = name.rpartition('/')[0]
    more = [
        f'AP{iou} {100 * metrics[key]:.1f}'
        for iou in (50, 75)
        for key in (f'{name}_{iou}', f'{folder}/AP{iou}')
        if key in metrics
    ]
    text = f'AP {100 * metrics[name]:.1f}'
    return f'{text} ({", ".join(more)})' if more else text


def bars(values: Sequence[float]) -> str:
    """The last values as bars, from the lowest to the highest of them; all alike are drawn low."""
    values = list(values)[-SHOWN:]
    low, high = min(values), max(values)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return ''.join(BARS[round((value - low) / step)] for value in values)
