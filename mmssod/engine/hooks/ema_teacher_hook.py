"""The mean teacher: burn-in of the student, initial copy, and EMA updates."""

from __future__ import annotations

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmssod.engine.runner_access import bare_model
from mmssod.environment.errors import InputError

TEACHER_LOADED = 'ema_teacher_loaded'  # in the meta of checkpoints


@HOOKS.register_module()
class EMATeacherHook(Hook):
    """Moves the teacher towards the student after each iteration, from ``burn_in`` on.

    The hook says when; the labeler says how (``labeler.update(student, decay)``), parameters and
    buffers alike. What the hook does follows from the iteration number and from one fact of the
    run's start, whether ``load_from`` brought a teacher, which is in the ``meta`` of its checkpoints:

    * iterations below ``burn_in`` train on labeled images only (``model.unsupervised`` is False), and the sampler
      leaves out the others;
    * at the start of iteration ``burn_in`` the student is copied into the teacher, unless the teacher has weights of
      its own: a ``checkpoint`` in the labeler's config, or a teacher in the checkpoint of ``load_from``;
    * after each later iteration, every ``interval``, the teacher keeps the share ``ema_decay``.

    Args:
        ema_decay: the share the teacher keeps in an update, in [0, 1).
        burn_in: iterations of supervised training before the first pseudo label, >= 0.
        interval: iterations between two updates, >= 1.
        ramp: let the share rise from 0 to ``ema_decay``: at update ``t`` after the burn-in, counted from 0, it is at
            most ``1 - 1 / (t + 1)``, so that the teacher is the mean of all students since then until it forgets. A
            teacher that brought weights of its own keeps ``ema_decay`` from the start.

    Raises:
        ValueError: an argument out of its range.
        TypeError: before training, when the model's labeler cannot be updated.

    Source: Tarvainen and Valpola, "Mean teachers are better role models", 2017; the burn-in is Liu et al., "Unbiased
    Teacher", 2021; the ramp is in the public code of Mean Teacher and of Xu et al., "Soft Teacher", 2021.
    """

    cheap_to_build = True

    priority = 'ABOVE_NORMAL'

    def __init__(
        self, ema_decay: float = 0.999, burn_in: int = 0, interval: int = 1, ramp: bool = False
    ) -> None:
        if not 0 <= ema_decay < 1:
            raise InputError(
                f'ema_decay is the share the teacher keeps: expected 0 <= ema_decay < 1, got '
                f'{ema_decay}; for a teacher that never moves use a FrozenTeacher and no hook'
            )
        if burn_in < 0 or interval < 1:
            raise InputError(
                f'expected burn_in >= 0 and interval >= 1, got burn_in={burn_in}, interval={interval}'
            )
        self.ema_decay = ema_decay
        self.burn_in = burn_in
        self.interval = interval
        self.ramp = ramp
        self._teacher_loaded = False
        self._loaded_at_start = False  # as `_teacher_loaded`, in the run that is resumed

    def before_run(self, runner: Runner) -> None:
        """Tell the sampler of the burn-in."""
        loop = runner._train_loop  # in a test a dict or None
        sampler = getattr(getattr(loop, 'dataloader', None), 'sampler', None)
        if sampler is not None and hasattr(sampler, 'wait'):
            sampler.wait(self.burn_in)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember that a checkpoint brought a teacher of its own, and what it says of its run's start."""
        weights = checkpoint.get('state_dict', checkpoint)
        self._teacher_loaded = any(
            key.removeprefix('module.').startswith('labeler.teacher.') for key in weights
        )
        self._loaded_at_start = bool(checkpoint.get('meta', {}).get(TEACHER_LOADED, False))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store whether this run started with a teacher of its own."""
        checkpoint['meta'][TEACHER_LOADED] = self._teacher_loaded

    def before_train(self, runner: Runner) -> None:
        """Raise an error for a labeler that cannot follow the student."""
        labeler = bare_model(runner).labeler
        if not callable(getattr(labeler, 'update', None)):
            raise TypeError(
                f'{type(self).__name__} needs a labeler with update(student, decay), such as '
                f'EMATeacher; the model has {type(labeler).__name__}. Set '
                "model.labeler=dict(type='EMATeacher', ...) or remove the hook from default_hooks"
            )
        if runner.iter > 0:
            # A resumed run: every checkpoint of it has a teacher; its start says whose.
            self._teacher_loaded = self._loaded_at_start

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Switch the unsupervised part on or off; copy the student when the burn-in ends."""
        model = bare_model(runner)
        model.unsupervised = runner.iter >= self.burn_in
        if runner.iter == self.burn_in and not self._has_own_weights(model.labeler):
            model.labeler.update(model.student, 0.0)

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Let the teacher follow the student."""
        if runner.iter >= self.burn_in and (runner.iter + 1) % self.interval == 0:
            model = bare_model(runner)
            ramp = self.ramp and not self._has_own_weights(model.labeler)
            decay = self.decay_at(runner.iter) if ramp else self.ema_decay
            model.labeler.update(model.student, decay)

    def decay_at(self, iteration: int) -> float:
        """The ramp's share that the teacher keeps after an iteration (counted from 0) since the burn-in."""
        updates = (iteration + 1) // self.interval - self.burn_in // self.interval - 1
        return min(self.ema_decay, 1 - 1 / (max(updates, 0) + 1))

    def _has_own_weights(self, labeler: Any) -> bool:
        return self._teacher_loaded or bool(getattr(labeler, 'checkpoint', None))
