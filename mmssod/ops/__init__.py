"""Replacement for mmcv's compiled operators, so that training and testing need no compiler."""

from mmssod.ops.errors import ExtensionLoadError, ImportedBeforeError, MissingOperatorError
from mmssod.ops.stand_in import EXTENSION, install, status

__all__ = [
    'EXTENSION',
    'ExtensionLoadError',
    'ImportedBeforeError',
    'MissingOperatorError',
    'install',
    'status',
]
