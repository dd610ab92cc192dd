"""Stand-in for mmcv's compiled operators: no compiler is needed to train or run a detector."""

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
