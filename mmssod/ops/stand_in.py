"""Registers the replacement operators where mmcv looks for its compiled ones.

mmcv's Python files load ``mmcv._ext`` at import, so the stand-in must be in ``sys.modules`` before
the first import of ``mmcv.ops`` or ``mmdet.models``. ``import mmssod`` sees to it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import torchvision

from mmssod.ops import kernels
from mmssod.ops.errors import (
    COVERED,
    ExtensionLoadError,
    ImportedBeforeError,
    fix,
    missing_operator,
)

__all__ = ['EXTENSION', 'StandInExtension', 'install', 'status']

EXTENSION = 'mmcv._ext'


class _StandInLoader(Loader):
    """The loader in the stand-in's spec, by which mmcv and mmengine test for ``mmcv._ext``."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandInExtension()

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the module is complete when created."""


class StandInExtension(ModuleType):
    """A module that answers to every operator name of ``mmcv._ext``.

    Those of :mod:`mmssod.ops.kernels` compute; any other name is a function that raises
    :class:`~mmssod.ops.errors.MissingOperatorError` when called, so that mmcv imports as a whole.
    """

    def __init__(self) -> None:
        super().__init__(EXTENSION, 'Stand-in for the compiled operators of mmcv, by mmssod.')
        vars(self).update((name, getattr(kernels, name)) for name in kernels.__all__)
        self.__spec__ = ModuleSpec(EXTENSION, _StandInLoader(), origin='mmssod')
        self.__loader__ = self.__spec__.loader
        self.__package__ = 'mmcv'

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith('__'):
            raise AttributeError(f'module {EXTENSION!r} has no attribute {name!r}')
        return _refuse(name)

    @staticmethod
    def get_compiler_version() -> str:
        """What ``mmcv.utils.collect_env`` prints as the compiler."""
        return f'not compiled (mmssod stand-in over torchvision {torchvision.__version__})'

    @staticmethod
    def get_compiling_cuda_version() -> str:
        """What ``mmcv.utils.collect_env`` prints as the CUDA it was compiled with."""
        return 'not compiled'


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise missing_operator(name)

    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def install() -> str:
    """Register the stand-in as ``mmcv._ext``, unless mmcv has a compiled one.

    Idempotent.

    Returns:
        ``'compiled'`` or ``'stand-in'``, which of the two now answers.

    Raises:
        ExtensionLoadError: if a compiled one is there but does not load, as after a change of the
            torch version.
        ImportedBeforeError: if mmdet's models are imported already, without operators.
    """
    if status() == 'missing':
        _require_first()
        _register(StandInExtension())
    elif status() == 'compiled':
        _load_compiled()
    return status()


def _require_first() -> None:
    """The models of mmdet keep what they found at their import: nothing, as there was no extension."""
    early = sorted(name for name in sys.modules if name.startswith('mmdet.models'))
    if early and 'mmcv.ops' not in sys.modules:  # whose import failed
        raise ImportedBeforeError(
            f"mmssod: expected to be imported before mmdet's models, found {len(early)} of them imported "
            'already, without the operators that mmssod brings (this mmcv has none): import mmssod first, in '
            'a notebook after its kernel was restarted'
        )


def status() -> str:
    """``'compiled'``, ``'stand-in'`` or ``'missing'``: what stands at ``mmcv._ext`` now."""
    module = sys.modules.get(EXTENSION)
    if isinstance(module, StandInExtension):
        return 'stand-in'
    if module is not None or importlib.util.find_spec(EXTENSION) is not None:
        return 'compiled'
    return 'missing'


def _register(module: StandInExtension) -> None:
    sys.modules[EXTENSION] = module
    vars(importlib.import_module('mmcv'))['_ext'] = module


def _load_compiled() -> None:
    try:
        importlib.import_module(EXTENSION)
    except ImportError as error:
        spec = importlib.util.find_spec(EXTENSION)
        where = spec.origin if spec else EXTENSION
        raise ExtensionLoadError(
            f"mmcv's compiled operators do not load ({where}): {error}. They were most likely "
            'built for another version of torch. Uninstall that mmcv and install one without '
            f'compiled operators (mmssod then stands in for {COVERED}), or {fix()}'
        ) from error
