"""Configs may build on mmssod's own by name: ``_base_ = 'mmssod::demo/teacher.py'``."""

from __future__ import annotations

from mmengine.config import Config

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
