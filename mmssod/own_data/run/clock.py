"""Estimates how long a project's trainings take, corrected by measured times."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.progress import WINDOW
from mmssod.own_data.run.facts import Stage, rough, step_seconds
from mmssod.own_data.run.stages import Training

FIRST, LAST = 5, 25
"""Iterations of a training that are measured before it is said how long all will take; before them it warms up."""


class Clock:
    """The time that is left.

    Args:
        trainings: Trainings of the project.
        stages: What its files say of them, with what an iteration costs.
        step: Seconds of the teacher's iteration by an estimate, 0 for none.
    """

    def __init__(
        self, trainings: Sequence[Training], stages: Sequence[Stage], step: float = 0.0
    ) -> None:
        self.trainings = trainings
        self.cost = {stage.name: stage.cost for stage in stages}
        self.estimate = step
        self.steps: dict[str, float] = {}
        for training in trainings:
            if seconds := step_seconds(training.work_dir):
                self.steps[training.name] = seconds
        self.evaluation = 0.0

    def left(self, training: Training, done: int) -> float:
        """Remaining seconds of a training after this many iterations."""
        interval = int(training.config.train_cfg.get('val_interval', 1000))
        evaluates = training.config.get('val_cfg') is not None
        evaluations = -(-training.length // interval) - done // interval if evaluates else 0
        return (training.length - done) * self.step(training.name) + evaluations * self.evaluation

    def step(self, name: str) -> float:
        """Seconds of an iteration of a training: measured, else by those that are, else by the estimate."""
        if name in self.steps:
            return self.steps[name]
        others = [seconds / self.cost[other] for other, seconds in self.steps.items()]
        return self.cost[name] * (sum(others) / len(others) if others else self.estimate)

    def line(self, now: Training, done: int) -> str:
        """Remaining time, by training."""
        rest = self.trainings[self.trainings.index(now) + 1 :]
        times = {now.name: self.left(now, done)}
        times |= {each.name: self.left(each, each.done) for each in rest if not each.complete}
        parts = ', '.join(f'{name} {rough(seconds)}' for name, seconds in times.items())
        return f'about {rough(sum(times.values()))} left ({parts}), then the report'


class ClockHook(Hook):
    """Measures a training, and logs the time that is left after the first steps and after each evaluation.

    Args:
        clock: Clock of the project.
        training: The one that runs.
    """

    priority = 93  # after EvaluationLineHook

    def __init__(self, clock: Clock, training: Training) -> None:
        self.clock, self.training = clock, training
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._seen, self._last, self._evaluation = 0, 0.0, 0.0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Measure."""
        now = time.monotonic()
        self._seen += 1
        if self._last and self._seen > FIRST:
            self._times.append(now - self._last)
            self.clock.steps[self.training.name] = fmean(self._times)
        self._last = now
        if self._seen == LAST:
            runner.logger.info(self.clock.line(self.training, runner.iter + 1))

    def before_val_epoch(self, runner: Runner) -> None:
        """Note the time."""
        self._evaluation = time.monotonic()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Say what is left."""
        self.clock.evaluation = time.monotonic() - self._evaluation
        self._last = 0.0  # an evaluation is no step
        if runner.iter < runner.max_iters and not runner.train_loop.stop_training:
            runner.logger.info(self.clock.line(self.training, runner.iter))
