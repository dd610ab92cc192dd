"""A runner whose training may start from any trained detector, see :mod:`mmssod.start`."""

from __future__ import annotations

from functools import partial
from logging import FileHandler
from typing import Any

from mmengine.runner import BaseLoop, Runner

from mmssod.engine.reliability.resume import follow, settings_of
from mmssod.engine.runner_access import bare_model
from mmssod.engine.terminal import shorten_terminal
from mmssod.start import Fit, fit_start, read_start, start_lines, twin_shapes

SHARED_VISUALIZER = 'visualizer'
"""The name in mmdet's configs, and in ours for its tools, which need one."""


class StartMixin:
    """Before a runner: a training's ``load_from`` may be a name, a URL or a file; what fits is told in three lines.

    mmengine's own way prints each name that does not fit. To resume and to test stays mmengine's: everything must fit.

    Attributes:
        start_fit: Report on the loaded weights; None in other runs.
    """

    start_fit: Fit | None = None

    def build_logger(self, *args: Any, **kwargs: Any) -> Any:
        """As mmengine's; see :func:`~mmssod.engine.terminal.short_terminal`."""
        logger = super().build_logger(*args, **kwargs)  # type: ignore[misc]
        shorten_terminal(logger)
        for handler in logger.handlers:
            if isinstance(handler, FileHandler):  # a full disk is told by the next checkpoint
                handler.handleError = lambda record: None  # type: ignore[method-assign]
        return logger

    def build_visualizer(self: Any, visualizer: Any = None) -> Any:
        """The run's own: runs of one process that share one by its name write to the first one's folder."""
        if isinstance(visualizer, dict) and visualizer.get('name') == SHARED_VISUALIZER:
            visualizer = {**visualizer, 'name': self._experiment_name}
        return super().build_visualizer(visualizer)  # type: ignore[misc]

    def load_or_resume(self: Any) -> None:
        """Resume, or start; hooks are told of the checkpoint as mmengine does, once the weights are loaded.

        Raises:
            StartError: The start cannot be found, fetched or read.
            ValueError: By the ``PreflightHook``, it does not fit the model.
        """
        starts = isinstance(self._train_loop, BaseLoop) and self._load_from and not self._resume
        if self._has_loaded or not starts:
            super().load_or_resume()  # type: ignore[misc]
            return
        checkpoint = read_start(self._load_from)
        metainfo = getattr(self._train_loop.dataloader.dataset, 'metainfo', None) or {}
        self.start_fit = fit_start(
            bare_model(self),
            checkpoint,
            classes=metainfo.get('classes') or (),
            twin=partial(twin_shapes, self.cfg.model),
        )
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        for line in start_lines(self.start_fit, self._load_from):
            self.logger.info(line)
        self._has_loaded = True

    def resume(self: Any, *args: Any, **options: Any) -> None:
        """As mmengine's; but a schedule that the config changed since is followed."""
        wanted = settings_of(self.param_schedulers)
        super().resume(*args, **options)  # type: ignore[misc]
        follow(self, wanted)


class StartRunner(StartMixin, Runner):
    """mmengine's runner with :class:`StartMixin`."""


def with_start(runner: type) -> type:
    """A runner's class with :class:`StartMixin`; one that has it stays as it is."""
    if issubclass(runner, StartMixin):
        return runner
    return type(runner.__name__, (StartMixin, runner), {'__module__': runner.__module__})
