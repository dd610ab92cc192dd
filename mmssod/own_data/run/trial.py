"""Trial of a project's candidate detectors: trains each briefly and compares them on the validation images.

The winner's training is kept: its teacher continues where the trial ended, bit for bit as without a trial. So no
candidate's learning rate is lowered at the end of a trial.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import CheckpointLoader, Runner

from mmssod.analysis.gain import Gain, paired_gain
from mmssod.apis.distributed import process_group
from mmssod.apis.predicting import predict, test_classes, test_set
from mmssod.apis.training import run_training
from mmssod.datasets.annotation_files import read_json
from mmssod.engine.progress import print_now
from mmssod.engine.reliability.checkpoint_files import newest_checkpoint
from mmssod.engine.reliability.whole_checkpoint_hook import WholeCheckpointHook
from mmssod.engine.terminal import short_terminal
from mmssod.environment.checkpoints import trusting
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.run.candidates import (
    TRIAL,
    Round,
    halve,
    no_trial,
    read_candidates,
    read_choice,
    trial_seconds,
)
from mmssod.own_data.run.facts import read_project, rough
from mmssod.own_data.run.stages import Training, project_trainings

SPENT = 'trial_seconds'
"""Seconds of training so far, among what a checkpoint keeps of the log."""
STARTED = 'trial_started'
"""File of a work directory with the number of trials in a row that ended the process."""
MOST_STARTS = 2


class TrialHook(Hook):
    """Saves a checkpoint and ends a training after this many iterations or seconds in it; a resumed one counts on.

    Steps and their data count; evaluations, and the first step of each start, which waits for data workers, do not.

    Args:
        seconds: Since the training's first step.
        iterations: Iterations, likewise.
        clock: Tells the time, in seconds.
    """

    priority = 94  # after CheckpointHook, so that the same iteration is not saved twice; before PreemptionHook

    def __init__(
        self,
        seconds: float = math.inf,
        iterations: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds, self.iterations, self.clock = seconds, iterations, clock
        self.spent = 0.0
        self._last: float | None = None

    def before_train(self, runner: Runner) -> None:
        """Go on with the seconds of the checkpoint."""
        known = runner.message_hub.runtime_info.get(SPENT, 0.0)
        self.spent = float(known) if runner.iter else 0.0
        self._last = None
        runner.train_loop.stop_training = self._over(runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Count; save and end when it is over, behind a whole step of accumulated gradients."""
        now = self.clock()
        self.spent += 0.0 if self._last is None else now - self._last
        self._last = now
        runner.message_hub.update_info(SPENT, self.spent)
        steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
        if not self._over(runner.iter + 1) or (runner.iter + 1) % steps:
            return
        hook = next(each for each in runner.hooks if isinstance(each, WholeCheckpointHook))
        hook.save_now(runner)
        runner.train_loop.stop_training = True

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """An evaluation is no step."""
        self._last = None

    def _over(self, iterations: int) -> bool:
        return self.spent >= self.seconds or iterations >= self.iterations


def choose(
    folder: Path,
    *,
    trust_checkpoint: bool = False,
    say: Callable[[str], None] = print_now,
    **options: Any,
) -> Path:
    """The project to train: that of the detector which a trial chooses, or the folder itself.

    A trial that was cut off goes on; one that has ended is not made again.

    Args:
        folder: Folder of a project with one or several detectors.
        trust_checkpoint, options: Of all trainings, see :func:`~mmssod.own_data.run.stages.project_trainings`.
        say: Gets a line before each training and after it, and the outcome.

    Raises:
        ValueError: No detector can be trained, see :func:`~mmssod.own_data.run.candidates.halve`.
        SystemExit: Told to end: the checkpoint was saved.
    """
    candidates = read_candidates(folder)
    if not candidates:
        return folder
    chosen, _ = read_choice(folder)
    if chosen in candidates:
        return folder / chosen
    if no_trial(folder, candidates):
        return folder / candidates[0]
    began = time.monotonic()
    trial = Trial(folder, trust_checkpoint, say, dict(options, auto_scale_lr=False))
    rounds = halve(candidates, trial_seconds(folder, candidates), trial.told, trial.ahead)
    (chosen,) = rounds[-1].kept
    why = f'chosen: {outcome(rounds, trial.compare)}'
    say(f'{why} (the trial took {rough(time.monotonic() - began)})')
    facts = dict(chosen=chosen, why=why, rounds=[vars(each) for each in rounds])
    write_whole(folder / TRIAL, json.dumps(facts, indent=1).encode())
    return folder / chosen


class Trial:
    """Trains and compares the candidates of a project.

    The first that is trained gets the iterations that an estimate has for its seconds; the others get the seconds that
    these took. So a machine that is slower than estimated, or at work on something else, shortens no trial.

    What a candidate finds on the validation images in round N lies in its work directory, ``trial_N.json``: with this
    file, its round is complete.

    Args:
        folder: Project folder.
        trust_checkpoint, options, say: See :func:`choose`.
    """

    def __init__(
        self,
        folder: Path,
        trust_checkpoint: bool,
        say: Callable[[str], None],
        options: dict[str, Any],
    ) -> None:
        self.folder, self.trust, self.say, self.options = folder, trust_checkpoint, say, options
        self.pace = 0.0
        self.found: dict[str, list[dict]] = {}
        self.truth: dict = {}
        self.classes: tuple[str, ...] = ()

    def told(self, name: str, number: int, seconds: float) -> tuple[float, float]:
        """:meth:`train`, and a line if that fails, since it is not the end of the trial."""
        try:
            return self.train(name, number, seconds)
        except Exception as error:
            self.say(f'trial: {name} failed: {error}')
            raise

    def train(self, name: str, number: int, seconds: float) -> tuple[float, float]:
        """Train a candidate until this many seconds since its start, as estimated, and evaluate it.

        Returns:
            AP in percent; the seconds of training since its start, as measured.

        Raises:
            RuntimeError: It ended the process twice in a row, as the system does with one that asks for more memory
                than there is.
        """
        training = project_trainings(self.folder / name, **self.options)[0]
        training.work_dir.mkdir(parents=True, exist_ok=True)
        file = training.work_dir / f'trial_{number}.json'
        if not file.is_file():
            self._train(training, self._hook(name, number, seconds))
            checkpoint = newest_checkpoint(str(training.work_dir)) or ''
            with short_terminal(logging.WARNING):
                found = predict(training.config, checkpoint)
            spent = trained_seconds(checkpoint)
            write_whole(file, json.dumps(dict(seconds=spent, found=found)).encode())
        result = json.loads(file.read_text())
        spent = float(result['seconds'])
        self.pace = self.pace or spent / seconds
        self.found[name] = result['found']
        self.truth = read_json(test_set(training.config)[0])
        self.classes = test_classes(training.config)
        ap = self.compare(name, name, draws=0).ap
        self.say(f'trial: {name}: AP {ap:.1f} after {training.done} iterations in {rough(spent)}')
        return ap, spent

    def _hook(self, name: str, number: int, seconds: float) -> TrialHook:
        """What ends the training of a candidate in a round."""
        which = f'trial, round {number + 1}: {name}'
        if self.pace:
            self.say(f'{which}, to {rough(seconds * self.pace)} of training')
            return TrialHook(seconds=seconds * self.pace)
        iterations = max(round(seconds / read_project(self.folder / name)[1]), 1)
        self.say(f'{which}, to {iterations} iterations; the others are trained for as many seconds')
        return TrialHook(iterations=iterations)

    def _train(self, training: Training, hook: TrialHook) -> None:
        if training.complete:
            return
        mark = training.work_dir / STARTED
        starts = int(mark.read_text()) if mark.is_file() else 0
        if starts >= MOST_STARTS:
            raise RuntimeError(
                f'its training ended the process {starts} times in a row; remove {mark} to try again'
            )
        write_whole(mark, str(starts + 1).encode())
        try:
            with trusting(self.trust), process_group(training.config):
                run_training(training.config, [hook])
        finally:
            mark.unlink()

    def compare(self, one: str, other: str, draws: int = 1000) -> Gain:
        """Gain of one candidate over another by their latest detections."""
        return paired_gain(
            self.truth, self.found[one], self.found[other], draws=draws, classes=self.classes
        )

    def ahead(self, one: str, other: str) -> bool:
        """Whether the 95 % interval of the difference holds gains alone."""
        return self.compare(one, other).low > 0


def trained_seconds(checkpoint: str) -> float:
    """The seconds of training up to a checkpoint of a trial."""
    hub = CheckpointLoader.load_checkpoint(checkpoint, 'cpu').get('message_hub') or {}
    return float((hub.get('runtime_info') or {}).get(SPENT, 0.0))


def outcome(rounds: Sequence[Round], compare: Callable[[str, str], Gain]) -> str:
    """What the last round chose and why, in a sentence.

    Args:
        rounds: Rounds of a trial, at least one.
        compare: See :meth:`Trial.compare`.
    """
    last = rounds[-1]
    (chosen,) = last.kept
    others = sorted((name for name in last.ap if name != chosen), key=lambda name: -last.ap[name])
    parts = [
        _verdict(compare(chosen, others[0]), chosen, others[0], last)
        if others
        else f'{chosen}, the only one left'
    ]
    for each in rounds:
        parts += [
            f'{name} failed: {why.splitlines()[0][:200]}' for name, why in each.failed.items()
        ]
    for each in rounds[:-1]:
        dropped = [name for name in each.ap if name not in each.kept]
        parts += [
            f'{name} was dropped at {each.ap[name]:.1f} AP after {rough(each.seconds[name])}'
            for name in dropped
        ]
    return '; '.join(parts)


def _verdict(gain: Gain, chosen: str, other: str, last: Round) -> str:
    ahead = f'{abs(gain.gain):.1f} AP {"ahead of" if gain.gain >= 0 else "behind"} {other}'
    both = f'{gain.ap:.1f} and {gain.other_ap:.1f} after {rough(last.seconds[chosen])} of training each'
    interval = (
        f'95 % interval {gain.low:.1f} to {gain.high:.1f} over {gain.images} validation images'
    )
    if gain.low > 0:
        return f'{chosen}, {ahead} ({both}; {interval})'
    return (
        f'{chosen}, by the rules: it is {ahead} ({both}), which may be chance ({interval}); more validation images '
        'tell smaller differences'
    )
