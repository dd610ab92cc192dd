"""Real images and weights beside the repository; tests that use them are skipped where there are none."""

import os
from pathlib import Path

import pytest


def shared_data() -> Path:
    """The folder: ``$MMSSOD_SHARED``, else ``../shared/data`` of the repository."""
    default = Path(__file__).parents[2] / 'shared' / 'data'
    folder = Path(os.environ.get('MMSSOD_SHARED', default))
    if not folder.is_dir():
        pytest.skip(f'no data in {folder}; MMSSOD_SHARED names another folder')
    return folder
