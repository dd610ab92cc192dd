"""An evaluation that a kill cut off is run when the run goes on."""

from __future__ import annotations

from pathlib import Path

import torch
from mmdet.registry import HOOKS
from mmengine.dist import broadcast, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmssod.engine.runner_access import bare_model
from mmssod.environment.whole_files import write_whole

EVALUATED = 'last_evaluation'
"""File of a work directory with the number of iterations after which it was last evaluated."""


@HOOKS.register_module()
class DueEvaluationHook(Hook):
    """Evaluates at the start of a resumed run what was due after its checkpoint's iteration and did not end.

    A checkpoint is saved before the evaluation of the same iteration, and mmengine's loop evaluates only behind an
    iteration that it trained. So a run that is killed while it evaluates, or told to end before it, would never get
    that evaluation; killed in the last one, it would end without any. This hook keeps the iteration of the last
    evaluation that ended in a file, ``last_evaluation`` of the work directory.
    """

    priority = 'LOWEST'  # after all that an evaluation sets off: the best checkpoint is saved

    def before_train_epoch(self, runner: Runner) -> None:
        """Evaluate, if that is due; the loop calls this once, before its first iteration."""
        marker = Path(runner.work_dir) / EVALUATED
        if runner.iter == 0:
            if runner.rank == 0:
                marker.unlink(missing_ok=True)  # of another run
        elif _due(runner) and last_evaluated(runner) < runner.iter:
            runner.logger.info(
                f'the evaluation after iteration {runner.iter} did not end before: it is run now'
            )
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note that it ended."""
        if runner.rank == 0 and isinstance(runner.train_loop, IterBasedTrainLoop):
            write_whole(Path(runner.work_dir) / EVALUATED, str(runner.iter).encode())


def last_evaluated(runner: Runner) -> int:
    """The iteration after which the run was last evaluated to the end, 0 for none; to be asked by all processes."""
    return _agreed(runner, _last(Path(runner.work_dir) / EVALUATED))


def _due(runner: Runner) -> bool:
    """Whether mmengine's loop would have evaluated behind the iteration that the checkpoint is of."""
    loop = runner.train_loop
    if not isinstance(loop, IterBasedTrainLoop) or runner.val_loop is None:
        return False
    loop._decide_current_val_interval()
    last = loop.iter == loop.max_iters
    return loop.iter >= loop.val_begin and (last or loop.iter % loop.val_interval == 0)


def _last(marker: Path) -> int:
    try:
        return int(marker.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _agreed(runner: Runner, number: int) -> int:
    """The first process's number: others may not see its files at once."""
    if get_world_size() == 1:
        return number
    shared = torch.tensor(number, device=next(bare_model(runner).parameters()).device)
    broadcast(shared)
    return int(shared)
