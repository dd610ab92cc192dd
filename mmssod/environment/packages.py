"""Imports packages of optional extras, or says how to install them."""

from __future__ import annotations

import importlib
from types import ModuleType


def require_package(name: str, extra: str) -> ModuleType:
    """Import a package that an extra of mmssod installs.

    Args:
        name: The module to import.
        extra: The extra that has it.

    Raises:
        ImportError: It is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name.partition('.')[0]} is not installed; fix: pip install 'mmssod[{extra}]'"
        ) from error
