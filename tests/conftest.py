"""Shared by all tests.

mmssod comes before the first import of mmcv.ops or mmdet.models in any test file, whose imports are sorted by name.
"""

from collections.abc import Iterator

import pytest
import torch
from mmengine.registry import DefaultScope

import mmssod  # noqa: F401

torch.set_num_threads(1)  # the tests' models are tiny; more threads only wait for one another


@pytest.fixture(autouse=True)
def mmdet_scope() -> Iterator[None]:
    """Type names mean mmdet's registries, as `default_scope = 'mmdet'` does in a config."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield
