"""Making a bank against plain prediction, on images of mixed sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmdet.structures import DetDataSample
from torch import Tensor

from mmssod.label_bank.plan import FLOOR
from mmssod.label_bank.views import ViewLabeler
from mmssod.tiny_detectors import tiny_sample
from speed_ratios.rows import Measured, Row, Setting, in_turns
from speed_ratios.steps import Images, confident, our_model, plain_detector

LONGER = 256
# Height and width of a batch of the tool, eight images: mostly landscape, some portrait, as in COCO.
SHAPES = (
    (192, LONGER),
    (192, LONGER),
    (LONGER, 192),
    (192, LONGER),
    (176, LONGER),
    (LONGER, 192),
    (192, LONGER),
    (LONGER, LONGER),
)


def mixed_images(number: int) -> list[Tensor]:
    """Smooth uint8 images, the first of :data:`SHAPES`, shape (3, H, W) each."""
    generator = torch.Generator().manual_seed(0)
    images = []
    for size in SHAPES[:number]:
        coarse = torch.rand(1, 3, 16, 16, generator=generator) * 255
        images.append(torch.nn.functional.interpolate(coarse, size=size, mode='bilinear')[0].byte())
    return images


def batch_of(images: list[Tensor]) -> dict[str, Any]:
    """Images as a loader gives them, with samples that know their sizes; a new one each time."""
    samples: list[DetDataSample] = []
    for number, image in enumerate(images):
        samples.append(tiny_sample(number, boxes=0))
        samples[-1].set_metainfo(dict.fromkeys(('img_shape', 'ori_shape'), tuple(image.shape[1:])))
    return dict(inputs=images, data_samples=samples)


def predict(setting: Setting) -> Measured:
    """Images and their mirror images, labeled for a bank and predicted by ``test_step``.

    Compared with the faster of two plain ways: one image at a time, as mmdet's configs test, and as many at a time as
    the bank takes, padded to the largest.
    """
    torch.manual_seed(0)
    model = our_model(plain_detector())
    confident(model, Images(1, LONGER))
    teacher = model.labeler.teacher.to(setting.device).eval()
    device = torch.device(setting.device)
    labeler = ViewLabeler(teacher, teacher.data_preprocessor, True, FLOOR, device)
    images = mixed_images(4 if setting.quick else 8)
    views = images + [image.flip(-1) for image in images]

    def plain(at_once: int) -> Callable[[], None]:
        def work() -> None:
            with torch.no_grad():
                for start in range(0, len(views), at_once):
                    teacher.test_step(batch_of(views[start : start + at_once]))

        return work

    sizes = len({image.shape for image in images})
    ways = {'one at a time': 1, f'{len(images)} at a time, padded': len(images)}
    found = [
        Measured(
            *in_turns(setting, lambda: labeler(batch_of(images)), plain(at_once)),
            rate=True,
            note=f'{len(images)} images of {sizes} sizes, both views; plain: {way}',
        )
        for way, at_once in ways.items()
    ]
    return min(found, key=lambda measured: measured.ratio)


ROWS = (
    Row(
        'bank-predict',
        'bank prediction / plain predict, images per second',
        0.95,
        predict,
        at_least=True,
    ),
)
