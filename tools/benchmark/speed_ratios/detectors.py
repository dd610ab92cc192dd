"""Detectors from the shipped configs, without pretrained weights, since timing does not depend on them."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config, ConfigDict

from mmssod.own_configs import configs_folder

CONFIGS = configs_folder()


def shipped(name: str) -> Any:
    """A config below ``configs/_base_``.

    Args:
        name: Path of the config there, without ``.py``.

    Raises:
        FileNotFoundError: mmssod was installed without its configs.
    """
    file = CONFIGS / '_base_' / f'{name}.py'
    if not file.exists():
        raise FileNotFoundError(
            f'{file} is missing: the benchmarks read the shipped configs; run them from a clone of the repository '
            '(pip install -e .)'
        )
    return Config.fromfile(file)


def base_detector(name: str) -> ConfigDict:
    """The model of ``configs/_base_/models``, weights at random."""
    model = shipped(f'models/{name}').model
    untrained = dict(pretrained=False) if 'pretrained' in model.backbone else dict(init_cfg=None)
    model.backbone.update(untrained)
    return model
