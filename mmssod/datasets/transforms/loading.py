"""Loads images from files and rejects those that are only partly decoded."""

from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmdet.registry import TRANSFORMS
from mmengine import fileio

from mmssod.datasets.decoding import undecodable
from mmssod.datasets.image_files import (
    MAX_ASPECT,
    MAX_PIXELS,
    UnreadableImageError,
    image_fault,
)
from mmssod.environment.errors import InputError


@TRANSFORMS.register_module()
class LoadWholeImage(LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``, which also detects damage that the decoder does not report.

    A truncated file, one with more pixels than fit in memory, and one so thin that a resize leaves nothing of it are
    errors here, as are missing, empty and undecodable files. The pixels of all others are those of mmcv.

    Args:
        max_pixels: greatest width * height.
        max_aspect: greatest ratio of the longer to the shorter side.
        options: those of ``LoadImageFromFile``.

    Raises:
        UnreadableImageError: names the file and what is wrong with it.
    """

    def __init__(
        self, *, max_pixels: int = MAX_PIXELS, max_aspect: float = MAX_ASPECT, **options: Any
    ) -> None:
        super().__init__(**options)
        self.max_pixels = max_pixels
        self.max_aspect = max_aspect

    def transform(self, results: dict) -> dict:
        """Add ``img`` (H, W, 3), ``img_shape`` and ``ori_shape``."""
        path = results['img_path']
        try:
            image = self._read(path)
        except (OSError, ValueError, cv2.error) as error:
            reason = getattr(error, 'strerror', None) or str(error).strip()
            raise UnreadableImageError(f'{path}: {reason}') from error
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def _read(self, path: str) -> np.ndarray:
        content = fileio.get(path, backend_args=self.backend_args)
        fault = image_fault(content, max_pixels=self.max_pixels, max_aspect=self.max_aspect)
        image = None
        if fault is None:
            image = mmcv.imfrombytes(content, flag=self.color_type, backend=self.imdecode_backend)
        if image is None:
            raise InputError(fault or undecodable(content))
        return image
