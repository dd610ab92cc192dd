"""Evaluates teacher and student in one pass over the data, with separate metrics."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from mmdet.registry import LOOPS
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.runner import TestLoop, ValLoop


class BothEvaluator:
    """The evaluator of a config, once for each model; metrics are ``teacher/...`` and ``student/...``.

    Args:
        evaluator: Evaluator of a loop. It gets the student's predictions, a copy of it the teacher's.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluators = dict(teacher=deepcopy(evaluator), student=evaluator)

    @property
    def metrics(self) -> list[Any]:
        """The student's metrics; what is added to them (a dump of predictions) sees the student."""
        metrics: list[Any] = self.evaluators['student'].metrics
        return metrics

    def process(self, data_samples: Sequence[DetDataSample], data_batch: Any = None) -> None:
        """Take samples with the student's ``pred_instances`` and the teacher's ``teacher_instances``."""
        self.evaluators['teacher'].process(
            [of_teacher(sample) for sample in data_samples], data_batch
        )
        self.evaluators['student'].process(data_samples, data_batch)

    def evaluate(self, size: int) -> dict[str, Any]:
        """Metrics of both by name; ``size`` is the number of images."""
        metrics: dict[str, Any] = {}
        for who, evaluator in self.evaluators.items():
            print_log(f'evaluation of the {who}', 'current')
            metrics |= {f'{who}/{name}': v for name, v in evaluator.evaluate(size).items()}
        return metrics


def of_teacher(sample: DetDataSample) -> DetDataSample:
    """A sample whose ``pred_instances`` are the teacher's."""
    other = sample.new()
    other.pred_instances = other.pop('teacher_instances')
    return other


class _Both:
    evaluator: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.evaluator = BothEvaluator(self.evaluator)


@LOOPS.register_module()
class BothValLoop(_Both, ValLoop):
    """Validation of a model with ``predict_with='both'``."""


@LOOPS.register_module()
class BothTestLoop(_Both, TestLoop):
    """Test of a model with ``predict_with='both'``."""
