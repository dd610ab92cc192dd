"""Detector, image size, batch, learning rate and length of training, from the data and the machine.

The numbers are starting points that the config shows and the user changes; each rule says where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmssod.apis.new.machine import Machine
from mmssod.datasets.preparation.own_data import LabeledSet

EPOCHS = 35
"""Passes over the labeled images before a teacher is worth asking: 32 to 80 in the repository's small recipes."""


@dataclass(frozen=True)
class Detector:
    """A detector that ``mmssod new`` can choose.

    Args:
        model: Its config in ``configs/_base_/models``.
        optimizer: Its config in ``configs/_base_``.
        optimizer_name: Type of the optimizer there; it is written beside the learning rate.
        rate: Learning rate there, for ``base`` labeled images an iteration.
        base: That number of images.
        rois: RoIs an image in training.
        gib: Estimated memory of one labeled and one unlabeled image in training, GiB.
        scale: Greatest width and height in pixels, for images of any size.
        least, most: Bounds of the number of iterations.
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


# `gib` of lite: student_bccd's peak is below 2 GiB for 4 + 4 images of 256 px with everything a process needs; of r50:
# an estimate from the size of the paper's batch, one pair a GPU.
DETECTORS = {
    'lite': Detector(
        'faster_rcnn_lite_bucket.py', 'adamw_lite.py', 'AdamW', 0.0005, 4, 64, 0.4, (256, 256), 400, 4000
    ),
    'r50': Detector(
        'faster_rcnn_r50_fpn_bucket.py', 'sgd.py', 'SGD', 0.01, 8, 512, 5.0, (1333, 800), 2000, 90000
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What the config will say.

    Args:
        detector: Key of :data:`DETECTORS`.
        scale: Greatest long and short side of images, pixels.
        batch: Labeled images an iteration and GPU, and as many unlabeled ones.
        rate: Learning rate of that batch on one GPU.
        iterations: Of the teacher, and of the student after it.
        rois: RoIs an image in training.
        workers: Processes that load data.
        why: Lines that say why.
    """

    detector: str
    scale: tuple[int, int]
    batch: int
    rate: float
    iterations: int
    rois: int
    workers: int
    why: tuple[str, ...]


def check_plan(val_share: float, detector: str, iterations: int | None, seed: int) -> None:
    """Refuse numbers that no data could mend, before any is read.

    Args:
        val_share: Share of the labeled images to evaluate on.
        detector: ``'auto'`` or a key of :data:`DETECTORS`.
        iterations: Of the teacher; None for the chosen length.
        seed: Of the draw and the runs.

    Raises:
        ValueError: A share outside (0, 1), another detector, fewer than one iteration, a negative seed.
    """
    if not 0 < val_share < 1:
        raise ValueError(f'val_share: expected a share in (0, 1), got {val_share}')
    if detector != 'auto' and detector not in DETECTORS:
        raise ValueError(f'detector: expected one of {sorted(DETECTORS)} or auto, got {detector!r}')
    if iterations is not None and iterations < 1:
        raise ValueError(f'iterations: expected a whole number >= 1, got {iterations}')
    if not 0 <= seed < 2**32:
        raise ValueError(f'seed: expected a whole number in [0, 2**32), got {seed}')


def make_plan(
    data: LabeledSet, machine: Machine, *, detector: str = 'auto', iterations: int | None = None
) -> Plan:
    """Choose.

    Args:
        data: The labeled set.
        machine: Where it will be trained.
        detector: ``'lite'``, ``'r50'``, or ``'auto'``: r50 where a GPU holds its smallest batch.
        iterations: Instead of the chosen length.

    Raises:
        ValueError: See :func:`check_plan`.
    """
    check_plan(0.5, detector, iterations, 0)
    if detector == 'auto':
        detector = 'r50' if machine.gpus and machine.memory >= DETECTORS['r50'].gib + 2 else 'lite'
    chosen = DETECTORS[detector]
    scale = fit_scale(chosen.scale, data)
    size = (scale[0] * scale[1]) / (chosen.scale[0] * chosen.scale[1])
    batch = max(
        1, min(int((machine.memory - 1) / (chosen.gib * size)), 4 if not machine.gpus else 8)
    )
    batch = min(batch, max(1, data.images))
    if iterations is None:
        wanted = round(EPOCHS * data.images / batch, -2)
        iterations = int(min(max(wanted, chosen.least), chosen.most))
    rois = chosen.rois if data.boxes_an_image <= 8 else max(chosen.rois, 128)
    why = (
        f'detector {detector}: {machine.text()}',
        f'images of at most {scale[0]} x {scale[1]} px: the median object is '
        f'{data.median_side * min(scale):.0f} px wide then',
        f'{batch} labeled + {batch} unlabeled images an iteration and GPU; learning rate in proportion',
        f'{iterations} iterations: each labeled image is seen {iterations * batch / max(data.images, 1):.3g} times',
    )
    rate = chosen.rate * batch / chosen.base
    workers = max(1, min(4, machine.cores - 1))
    return Plan(detector, scale, batch, float(f'{rate:.3g}'), iterations, rois, workers, why)


def fit_scale(usual: tuple[int, int], data: LabeledSet) -> tuple[int, int]:
    """The detector's size, larger for small objects and never larger than the images are.

    Half of all objects should be at least 16 px wide on the short side's scale, the smallest anchors of the lite
    detector; at most twice the usual size is taken, which costs four times the time.
    """
    factor = 1.0
    if data.median_side:
        factor = min(max(16 / (data.median_side * min(usual)), 1.0), 2.0)
    long, short = max(data.size), min(data.size)
    if long:
        factor = min(factor, max(long / max(usual), short / min(usual), 0.25))
    return _multiple_of_32(usual[0] * factor), _multiple_of_32(usual[1] * factor)


def _multiple_of_32(side: float) -> int:
    return max(64, round(side / 32) * 32) if side < 1300 else round(side)
