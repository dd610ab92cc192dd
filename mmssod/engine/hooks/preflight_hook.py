"""Runs all checks before the first iteration and logs one line about the composition of a batch."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel
from mmengine.runner import BaseLoop, Runner

from mmssod.datasets.preparation import Findings
from mmssod.datasets.preparation.image_checks import READ_IMAGES
from mmssod.engine.preflight import (
    batch_line,
    config_problems,
    evaluator_problems,
    part_warnings,
    raise_together,
    resume_findings,
    resume_problems,
    runtime_problems,
    runtime_warnings,
)
from mmssod.engine.preflight.config_checks import data_findings
from mmssod.engine.preflight.data_checks import outside_problems
from mmssod.engine.preflight.resume_checks import MARKS, data_marks
from mmssod.engine.preflight.runtime_checks import empty_class_problems
from mmssod.engine.preflight.start_checks import start_findings, weight_findings
from mmssod.engine.reliability.shared_memory import memory_problems, room
from mmssod.engine.runner_access import bare_model
from mmssod.environment.errors import InputError
from mmssod.structures import Problem


@HOOKS.register_module()
class PreflightHook(Hook):
    """Checks config, data, loader, loop, model and checkpoint against each other before training.

    What is checked, and which of it are errors and which warnings, is the table of ``docs/bad_input.md``.

    Args:
        read_images: images of each annotation file that are read before training, the first ones, to find damaged ones
            and sizes that differ; 0 for none. Whether the files of all images exist is always looked up.
        empty_classes: ``'warn'`` or ``'stop'``, when classes have no labeled box.

    Raises:
        ValueError: another policy, or ``read_images`` below 0; or all errors in one numbered list, each with expected,
            actual and fix.
    """

    cheap_to_build = True

    priority = 'VERY_HIGH'

    def __init__(self, read_images: int = READ_IMAGES, empty_classes: str = 'warn') -> None:
        if read_images < 0:
            raise InputError(f'expected read_images >= 0, got {read_images}')
        if empty_classes not in ('warn', 'stop'):
            raise InputError(
                f"expected empty_classes to be 'warn' or 'stop', got {empty_classes!r}"
            )
        self.read_images = read_images
        self.empty_classes = empty_classes
        self._marks: dict[str, Any] | None = None
        self._room = room()  # here, since data workers fill it before any hook is called

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Raise an error for a checkpoint that does not fit, before the optimizer's state is loaded."""
        training = isinstance(runner._train_loop, BaseLoop)
        findings = self._weight_findings(runner, checkpoint, training)
        if findings.problems:  # with all else that is wrong, before the optimizer's state is loaded
            others = self._problems(runner) if training else []
            where = 'before training' if others else 'with the checkpoint'
            raise_together([*others, *findings.problems], where)
        for warning in findings.warnings:
            runner.logger.warning(warning)

    def _weight_findings(self, runner: Runner, checkpoint: dict, training: bool) -> Findings:
        model = bare_model(runner)
        if isinstance(model, BaseTTAModel):  # around the detector that the weights are of
            model = model.module
        fit = getattr(runner, 'start_fit', None)
        if fit is not None:  # a StartRunner has loaded what fits
            return start_findings(model, fit)
        loop = runner._train_loop if training else runner._test_loop
        dataset = loop.dataloader.dataset if isinstance(loop, BaseLoop) else None
        found = weight_findings(
            model,
            checkpoint,
            purpose=('resume' if runner._resume else 'start') if training else 'test',
            classes=(getattr(dataset, 'metainfo', None) or {}).get('classes') or (),
        )
        if not (training and runner._resume) or found.problems:
            return found
        if problems := resume_problems(checkpoint):
            return found + Findings(problems=tuple(problems))
        return found + resume_findings(model, runner.cfg, self._data_marks(runner), checkpoint)

    def before_train(self, runner: Runner) -> None:
        """Run all checks."""
        empty = empty_class_problems(runner)
        stops = empty if self.empty_classes == 'stop' else []
        raise_together([*self._problems(runner), *stops])
        runner.message_hub.update_info(MARKS, self._data_marks(runner))
        runner.logger.info(batch_line(runner))
        if is_main_process():
            warnings = [*data_findings(runner.cfg).warnings, *part_warnings(runner.cfg)]
            for warning in [*warnings, *empty, *runtime_warnings(runner)]:
                runner.logger.warning(str(warning))

    def _data_marks(self, runner: Runner) -> dict[str, Any]:
        """Of the training's data; they are read once."""
        if self._marks is None:
            self._marks = data_marks(runner.train_dataloader.dataset)
        return self._marks

    def _problems(self, runner: Runner) -> list[Problem]:
        problems = config_problems(runner.cfg)
        if problems:
            return problems  # of which those below would say some again
        return runtime_problems(runner) or self._memory_problems(runner, 'train', 'val')

    def _memory_problems(self, runner: Runner, *parts: str) -> list[Problem]:
        loops = [getattr(runner, f'_{part}_loop', None) for part in parts]
        built = [loop.dataloader for loop in loops if isinstance(loop, BaseLoop)]
        return memory_problems(built, self._room)

    def before_test(self, runner: Runner) -> None:
        """Refuse annotation files that point out of the folder of their images, or are of others than evaluated."""
        outside = outside_problems('test_dataloader', runner.test_dataloader.dataset)
        memory = self._memory_problems(runner, 'test')
        raise_together(
            [*outside, *evaluator_problems(runner.cfg, 'test'), *memory], 'before the test'
        )
