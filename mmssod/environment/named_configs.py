"""Configs may use mmssod's by name (``_base_ = 'mmssod::demo/teacher.py'``); the hub takes them, too."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from mmengine import hub
from mmengine.config import Config
from mmengine.hub import hub as hub_functions
from mmengine.registry import MODELS, DefaultScope

from mmssod.environment.errors import InputError
from mmssod.own_configs import configs_folder

PREFIX = 'mmssod::'


def read_named_configs() -> None:
    """Let mmengine find them, in a wheel and in a clone.

    mmengine's own way looks into wheels alone, and gives what it reads the scope ``mmssod``; a registry of that name is
    not there, since all types are in MMDetection's.
    """
    original = Config._get_cfg_path
    if getattr(original, 'named_configs', False):
        return

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(PREFIX):
            return str(configs_folder() / cfg_path.removeprefix(PREFIX)), None
        path, scope = original(cfg_path, filename)
        return path, scope

    get_cfg_path.named_configs = True  # type: ignore[attr-defined]
    Config._get_cfg_path = staticmethod(get_cfg_path)
    hub.get_config = hub_functions.get_config = _of_hub(hub_functions.get_config, own_config)
    hub.get_model = hub_functions.get_model = _of_hub(hub_functions.get_model, own_model)


def _of_hub(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """A function of mmengine's hub, or ours where a name begins with :data:`PREFIX`."""

    @wraps(theirs)
    def find(cfg_path: str, *args: Any, **options: Any) -> Any:
        return (ours if cfg_path.startswith(PREFIX) else theirs)(cfg_path, *args, **options)

    return find


def own_config(cfg_path: str, pretrained: bool = False) -> Config:
    """``mmengine.hub.get_config`` for mmssod's configs.

    Raises:
        ValueError: Weights are asked for: none are published.
    """
    if pretrained:
        raise InputError(
            f'{cfg_path}: expected pretrained=False, as mmssod has no weights to download; train the config, or start '
            "from another model's weights by load_from (docs/start.md)"
        )
    return Config.fromfile(configs_folder() / cfg_path.removeprefix(PREFIX))


def own_model(cfg_path: str, pretrained: bool = False, **options: Any) -> Any:
    """``mmengine.hub.get_model`` for mmssod's configs; ``options`` are arguments of the model."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(own_config(cfg_path, pretrained).model, default_args=options)
