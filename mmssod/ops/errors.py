"""Error messages for operators that the replacement lacks."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from mmssod.environment.errors import InputError

# Which operators mmssod.ops.kernels has, in words; docs/install.md has the table.
COVERED = (
    'nms, roi_align, the focal losses, multi-scale deformable attention and deformable convolution'
)


class MissingOperatorError(InputError, NotImplementedError):
    """An mmcv operator that only a compiled ``mmcv._ext`` has."""


class ExtensionLoadError(ImportError):
    """A compiled ``mmcv._ext`` is installed but does not load."""


class ImportedBeforeError(ImportError):
    """mmdet's models were imported without operators, before mmssod brought some."""


def fix() -> str:
    """How to get an mmcv with compiled operators, for the mm stack that is installed."""
    try:
        release = version('onedl-mmcv')
    except PackageNotFoundError:
        return (
            'install an mmcv with compiled operators: pip uninstall -y mmcv-lite && '
            "pip install openmim && mim install 'mmcv>=2.1.0,<2.2.0' (a prebuilt wheel where there "
            'is one for your torch and CUDA; else it compiles, for over half an hour).'
        )
    return (
        'install an mmcv with compiled operators: pip install onedl-mim && mim install onedl-mmcv '
        '(a prebuilt wheel where there is one for your torch and CUDA), or compile it, for over '
        'half an hour: pip install --no-build-isolation --no-cache-dir --no-deps --force-reinstall '
        f'onedl-mmcv=={release}'
    )


def missing_operator(name: str) -> MissingOperatorError:
    """The error for operator ``name``."""
    return MissingOperatorError(
        f"mmcv operator '{name}' is not available: this mmcv has no compiled operators "
        f'(mmcv._ext), and the stand-in over torchvision has {COVERED} only. '
        f'Choose a model or setting without it, or {fix()}'
    )
