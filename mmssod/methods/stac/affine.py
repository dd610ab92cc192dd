"""A random affine transform of the whole image, recorded as a homography.

H, W are the image's height and width. Points count from the image's edge, as boxes do: pixel i covers [i, i + 1].
"""

import math
from typing import Any

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import GeomTransform
from mmdet.registry import TRANSFORMS

from mmssod.datasets.transforms.image_transform import require_range

KINDS = ('translate_x', 'translate_y', 'rotate', 'shear')


@TRANSFORMS.register_module()
class StrongAffine(GeomTransform):
    """Translates, rotates or shears the image, one of them, by a random amount of either sign.

    Rotation and horizontal shear are about the image's center; what comes from outside is gray. ``homography_matrix``
    records the transform, so pseudo boxes follow it. Where true boxes are there they move too, as with all
    geometric transforms of mmdet: clipped, and those without area left stay in (``FilterAnnotations`` drops them).

    Args:
        prob: Probability of transforming at all, in [0, 1].
        translate: Largest shift along x or y, in [0, 1] of the width or height.
        rotate: Largest angle in degrees, in [0, 180].
        shear: Largest angle in degrees, in [0, 89].
        fill: Gray value of what comes from outside, in [0, 255].

    Raises:
        ValueError: A value lies outside its range.

    Source: STAC's public code: 10 %, 30 and 30 degrees, gray 125. mmdet's own transforms round amounts to tenths, so a
    translation of up to 0.1 is one of 0 or 0.1, and they shear about the upper edge.
    """

    def __init__(
        self,
        prob: float = 0.5,
        translate: float = 0.1,
        rotate: float = 30.0,
        shear: float = 30.0,
        fill: int = 125,
    ) -> None:
        super().__init__(
            prob=require_range('prob', prob, 0.0, 1.0),
            img_border_value=require_range('fill', fill, 0, 255),
        )
        translate = require_range('translate', translate, 0.0, 1.0)
        rotate = require_range('rotate', rotate, 0.0, 180.0)
        shear = require_range('shear', shear, 0.0, 89.0)
        self.largest = dict(zip(KINDS, (translate, translate, rotate, shear), strict=True))

    @cache_randomness
    def _get_mag(self) -> tuple[str, float]:
        """Which transform, and its signed amount: a share of the image or degrees."""
        kind = KINDS[np.random.randint(len(KINDS))]
        return kind, float(np.random.uniform(-self.largest[kind], self.largest[kind]))

    def _get_homography_matrix(self, results: dict[str, Any], mag: tuple[str, float]) -> np.ndarray:
        kind, amount = mag
        return affine_matrix(kind, amount, *results['img'].shape[:2]).astype(np.float32)

    def _transform_img(self, results: dict[str, Any], mag: tuple[str, float]) -> None:
        image = results['img']
        # OpenCV counts from the middle of the first pixel, boxes from its edge.
        to_center = shift(0.5, 0.5)
        matrix = np.linalg.inv(to_center) @ self.homography_matrix @ to_center
        results['img'] = cv2.warpAffine(
            image, matrix[:2], image.shape[1::-1], borderValue=self.img_border_value
        )

    def __repr__(self) -> str:
        amounts = ', '.join(f'{kind}={amount}' for kind, amount in self.largest.items())
        return f'{type(self).__name__}(prob={self.prob}, {amounts})'


def affine_matrix(kind: str, amount: float, height: int, width: int) -> np.ndarray:
    """Where points go, shape (3, 3), float64.

    Args:
        kind: One of ``KINDS``.
        amount: Share of the image for a translation; else degrees, clockwise for a rotation; a positive shear moves
            what lies below the center to the right.
        height, width: Of the image.
    """
    if kind == 'translate_x':
        return shift(amount * width, 0.0)
    if kind == 'translate_y':
        return shift(0.0, amount * height)
    angle = math.radians(amount)
    linear = np.eye(3)
    if kind == 'rotate':
        linear[:2, :2] = (
            (math.cos(angle), -math.sin(angle)),
            (math.sin(angle), math.cos(angle)),
        )
    else:
        linear[0, 1] = math.tan(angle)
    center = shift(width / 2, height / 2)
    return center @ linear @ np.linalg.inv(center)


def shift(x: float, y: float) -> np.ndarray:
    """A translation by x, y pixels, shape (3, 3)."""
    matrix = np.eye(3)
    matrix[:2, 2] = x, y
    return matrix
