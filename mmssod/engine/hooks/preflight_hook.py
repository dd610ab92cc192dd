"""All checks before the first iteration, and one line that says what a batch is."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmssod.engine.preflight import (
    batch_line,
    config_problems,
    label_bank_problems,
    raise_together,
    runtime_problems,
    runtime_warnings,
)


@HOOKS.register_module()
class PreflightHook(Hook):
    """Checks config, data, loader, loop and model against each other before training.

    Errors: class names that differ between config and json, or from evaluation; a number of classes
    in a head or in the balancer that differs from the labeled set's; an empty source; a batch size
    that is not the sum of the sampler's counts; an epoch loop over an endless stream; a label bank
    that is not there, not whole, or of another teacher, view, classes or images.
    Warnings: classes without a labeled box; unlabeled images that are labeled too; a learning rate
    declared for another batch; checkpoints between optimizer steps.

    Raises:
        ValueError: all errors in one numbered list, each with expected, actual and mend.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Any) -> None:
        """Run all checks."""
        problems = [*config_problems(runner.cfg), *label_bank_problems(runner.cfg)]
        raise_together([*problems, *runtime_problems(runner)])
        runner.logger.info(batch_line(runner))
        if is_main_process():
            for warning in runtime_warnings(runner):
                runner.logger.warning(warning)
