"""A folder of small images in subfolders."""

from pathlib import Path

import pytest
from builders.small_images import SIZES, write_image
from mmengine.registry import init_default_scope


@pytest.fixture(autouse=True)
def mmdet_scope() -> None:
    """Configs name types without a prefix, as they do under the runner."""
    init_default_scope('mmdet')


@pytest.fixture
def image_root(tmp_path: Path) -> Path:
    """``images/`` with the files of ``SIZES`` and some that are no images."""
    for name, (width, height) in SIZES.items():
        write_image(tmp_path / 'images' / name, width, height)
    (tmp_path / 'images/notes.md').write_text('no image')
    (tmp_path / 'images/.hidden.jpg').write_text('no image')
    return tmp_path
