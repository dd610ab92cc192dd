"""The detectors that ``mmssod new`` chooses from, with their former names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detector:
    """A detector that ``mmssod new`` can choose.

    Args:
        model: Config of the model in ``configs/_base_/models``.
        optimizer: Config of the optimizer in ``configs/_base_``.
        optimizer_name: Type of the optimizer there; it is written beside the learning rate.
        rate: Learning rate for ``base`` labeled images per iteration.
        base: That number of images.
        rois: RoIs per image in training; 0 for a one-stage detector.
        gib: Estimated memory of one labeled and one unlabeled image in training, GiB.
        scale: Maximum width and height in pixels, for images of any size.
        least, most: Bounds of the number of iterations.
        start: Name of its COCO weights (:mod:`mmssod.start`); '' for one that starts from ImageNet, as its config says.
        about: Size and AP on COCO, for people.
        core_seconds: Time of a training step per labeled image of ``scale`` on one CPU core, roughly.
    """

    model: str
    optimizer: str
    optimizer_name: str
    rate: float
    base: int
    rois: int
    gib: float
    scale: tuple[int, int]
    least: int
    most: int
    start: str = ''
    about: str = ''
    core_seconds: float = 0.0

    @property
    def recipe(self) -> str:
        """Config in ``configs/_base_`` of its student: with an EMA teacher, or the paper's, long or short."""
        if self.start:
            return 'ema_small.py'
        return 'certainty_lite.py' if self.optimizer == 'adamw_lite.py' else 'certainty.py'


def _rtmdet(size: str, gib: float, about: str, core_seconds: float) -> Detector:
    """RTMDet of one size. Its rate is not measured.

    It lies between RTMDet's own in proportion to the batch (0.00006) and YOLOX-Nano's (0.0005).
    """
    return Detector(
        f'rtmdet_{size}.py', 'adamw_lite.py', 'AdamW', 0.0002, 4, 0, gib, (640, 640), 500, 20000,
        f'rtmdet_{size}_8xb32-300e_coco', about, core_seconds,
    )  # fmt: skip


# `gib` is an estimate. Of those with a `start`: 2.3 times the tensors that the loss of one image of `scale` keeps for
# the backward pass, counted on a CPU in float32 with batch norm fixed (0.10, 0.31, 0.80, 1.26 GiB; MMDetection's
# metafiles have 0.37, 0.87 and 1.35 GB per image for RTMDet): two images with gradients, one without, and what lies
# between. Of faster_rcnn_lite: student_bccd's peak is below 2 GiB for 4 + 4 images of 256 px with everything a process
# needs; of faster_rcnn: from the paper's batch, 2 images per GPU.
# `core_seconds`: of yolox_nano measured (docs/results/yolox_speed.md, brought to 416 px, with reading the images), of
# faster_rcnn_lite by docs/results/bccd.md; of the others by the operations of MMDetection's metafiles, not measured.
# `about`: parameters as counted here; AP of YOLOX's authors and of MMDetection's metafiles.
DETECTORS = {
    'yolox_nano': Detector(
        'yolox_nano.py', 'adamw_lite.py', 'AdamW', 0.0005, 4, 0, 0.23, (416, 416), 800, 4000,
        'yolox_nano', '0.9 M parameters, 25.8 AP on COCO', 0.1,
    ),
    'rtmdet_tiny': _rtmdet('tiny', 0.72, '4.9 M parameters, 40.9 AP on COCO', 0.7),
    'rtmdet_m': _rtmdet('m', 1.84, '24.7 M parameters, 49.1 AP on COCO', 3.5),
    'rtmdet_l': _rtmdet('l', 2.9, '52.3 M parameters, 51.3 AP on COCO', 7.0),
    'faster_rcnn_lite': Detector(
        'faster_rcnn_lite_bucket.py', 'adamw_lite.py', 'AdamW', 0.0005, 4, 64, 0.4, (256, 256), 400, 4000,
        core_seconds=0.2,
    ),
    'faster_rcnn': Detector(
        'faster_rcnn_r50_fpn_bucket.py', 'sgd.py', 'SGD', 0.01, 8, 512, 5.0, (1333, 800), 2000, 90000,
        core_seconds=15.0,
    ),
}  # fmt: skip
OLD_NAMES = {'lite': 'faster_rcnn_lite', 'r50': 'faster_rcnn'}
"""Names of earlier versions, still accepted."""
