"""Shared by all tests.

mmssod comes before the first import of mmcv.ops or mmdet.models in any test file, whose imports are sorted by name.
"""

import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import builders.quick_runs  # noqa: F401
import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn
from torch.nn.modules.conv import _ConvNd

import mmssod  # noqa: F401

TOOLS = Path(__file__).parents[1] / 'tools'

torch.set_num_threads(1)  # the tests' models are tiny; more threads only wait for one another


@pytest.fixture(autouse=True)
def mmdet_scope() -> Iterator[None]:
    """Type names mean mmdet's registries, as `default_scope = 'mmdet'` does in a config."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """A test that a run does not outlive gives its signals back: a process forked later would not end when told to."""
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
    before = [(number, signal.getsignal(number)) for number in numbers]
    yield
    for number, handler in before:
        if handler is not None:  # not of Python's
            signal.signal(number, handler)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are built with whatever weights the memory holds: for detectors that are only looked at."""
    for layer in (_ConvNd, nn.Linear):
        monkeypatch.setattr(layer, 'reset_parameters', lambda self: None)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a Python tool in this process; it raises SystemExit for help and for errors."""

    def run(tool: str, *args: object) -> None:
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        # As Python does for a script: its own folder comes first.
        monkeypatch.setattr(sys, 'path', [str((TOOLS / tool).parent), *sys.path])
        monkeypatch.setenv('LOCAL_RANK', '0')
        try:
            runpy.run_path(str(TOOLS / tool), run_name='__main__')
        except SystemExit as end:
            if end.code != 0 or '--help' in args:
                raise

    return run
