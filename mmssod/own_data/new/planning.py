"""Chooses detector, image size, batch, learning rate and length of training for the data and the machine.

The numbers are starting points that the config shows and the user changes; each rule says where it comes from.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config

from mmssod.apis.packaged import configs_folder
from mmssod.datasets.preparation.own_data import LabeledSet
from mmssod.environment.errors import InputError
from mmssod.own_data.new.detectors import DETECTORS, OLD_NAMES, Detector

EPOCHS = 35
"""Passes over the labeled images before a teacher is worth asking: 32 to 80 in the repository's small recipes."""
LARGE = 4
"""Pixels of a file over those that are trained, from which on decoded images are kept."""

KNOWN = 1 / 25
"""Learning rate of a detector whose start knows all classes, over that of one whose start knows none. Both ends are
measured on YOLOX-Nano (docs/results/start_rates.md); the logarithmic scale between them is an assumption."""
PAIRS = 4
"""Labeled images per iteration, and unlabeled ones, that a GPU should hold: those of the repository's small recipes."""
GPU_CORES = 200
"""How many CPU cores a GPU replaces, roughly: not measured."""
LEAST_STEP = 0.1
"""Seconds of an iteration that a GPU takes at least: starting its kernels, and what else a step does."""
SMALL = 8
"""Pixels of an object's side: the stride of the finest features of all detectors here but the two-stage ones (4)."""


@dataclass(frozen=True)
class Machine:
    """The resources of one process.

    Args:
        gpus: Number of GPUs.
        memory: GiB of one GPU, or of the machine's free memory where there is none.
        cores: Processor cores that this process may use.
        name: Name of the GPU; ``'CPU'`` without one.
    """

    gpus: int
    memory: float
    cores: int
    name: str

    @classmethod
    def current(cls) -> Machine:
        """This machine."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
        if torch.cuda.is_available():
            first = torch.cuda.get_device_properties(0)
            gib = first.total_memory / 2**30
            return cls(torch.cuda.device_count(), gib, cores or 1, first.name)
        return cls(0, free_memory(), cores or 1, 'CPU')

    def text(self) -> str:
        """In words."""
        cores = '1 core' if self.cores == 1 else f'{self.cores} cores'
        if self.gpus:
            return f'{self.gpus} x {self.name}, {self.memory:.0f} GiB each, {cores}'
        return f'no GPU, {cores}, {self.memory:.0f} GiB free memory'


def free_memory() -> float:
    """GiB that processes may still take; 4 where the system does not say."""
    file = Path('/proc/meminfo')
    if not file.is_file():
        return 4.0
    lines = dict(line.split(':', 1) for line in file.read_text().splitlines() if ':' in line)
    return int(lines['MemAvailable'].split()[0]) / 2**20


@dataclass(frozen=True)
class Plan:
    """The values that the configs are written with.

    Args:
        detector: Key of :data:`~mmssod.own_data.new.detectors.DETECTORS`.
        scale: Maximum long and short side of images, pixels.
        batch: Labeled images per iteration and GPU. An iteration of the student has twice as many images; half of them
            are labeled, where it starts from COCO a quarter.
        rate: Learning rate of that batch on one GPU.
        iterations: Iterations of the teacher.
        rois: RoIs per image in training; 0 for a one-stage detector.
        workers: Processes that load data.
        why: Lines that say why.
        channels_last: Whether the model has its channels last in memory, which is faster on CPUs (docs/speed.md).
        warnings: What the data ask for and the plan does not do.
        step_seconds: Seconds per iteration of the teacher, see :func:`estimate_step`.
        student_share: Iterations of the student over the teacher's.
        known: Share of the classes that the start knows.
        keeps_images: Whether images are so large that they are decoded once and kept.
    """

    detector: str
    scale: tuple[int, int]
    batch: int
    rate: float
    iterations: int
    rois: int
    workers: int
    why: tuple[str, ...]
    channels_last: bool = False
    warnings: tuple[str, ...] = ()
    step_seconds: float = 0.0
    student_share: float = 1.0
    known: float = 0.0
    keeps_images: bool = False

    @property
    def student_iterations(self) -> int:
        """Iterations of the student, after its teacher's."""
        return max(round(self.student_share * self.iterations), 1)

    @property
    def supervised_iterations(self) -> int:
        """Iterations of the baseline, which take as long as teacher and student together."""
        return self.iterations + round(recipe(self.detector).step_cost * self.student_iterations)

    def length_lines(self, images: int) -> tuple[str, str]:
        """The lengths, and how often the teacher sees each of so many labeled images."""
        seen = self.iterations * self.batch / max(images, 1)
        return (
            f'{self.iterations} iterations of the teacher: each labeled image is seen {seen:.3g} times',
            f'{self.student_iterations} of the student after it; {self.supervised_iterations} of the supervised '
            'baseline, as long as both together',
        )


def check_plan(val_share: float, detector: str, iterations: int | None, seed: int) -> None:
    """Refuse numbers and names that no data could fix, before any is read.

    Raises:
        ValueError: A share outside (0, 1), another detector, fewer than one iteration, a negative seed.
    """
    if not 0 < val_share < 1:
        raise InputError(f'val_share: expected a share in (0, 1), got {val_share}')
    if detector not in ('auto', *DETECTORS, *OLD_NAMES):
        raise InputError(f'detector: expected one of {[*DETECTORS]} or auto, got {detector!r}')
    if iterations is not None and iterations < 1:
        raise InputError(f'iterations: expected a whole number >= 1, got {iterations}')
    if not 0 <= seed < 2**32:
        raise InputError(f'seed: expected a whole number in [0, 2**32), got {seed}')


def make_plan(
    data: LabeledSet,
    machine: Machine,
    *,
    detector: str = 'auto',
    iterations: int | None = None,
    known: float = 0.0,
) -> Plan:
    """Choose.

    Args:
        data: The labeled set.
        machine: Where it will be trained.
        detector: A key of :data:`~mmssod.own_data.new.detectors.DETECTORS` or an old name of one; ``'auto'`` is what
            :func:`choose_detector` says.
        iterations: Iterations of teacher and student each, instead of the chosen lengths.
        known: Share of the classes that the start knows, in [0, 1].

    Raises:
        ValueError: See :func:`check_plan`.
    """
    check_plan(0.5, detector, iterations, 0)
    reason = ''
    if detector == 'auto':
        detector, reason = choose_detector(data, machine)
    name = OLD_NAMES.get(detector, detector)
    chosen = DETECTORS[name]
    scale = fit_scale(chosen.scale, data)
    side = data.median_side * min(scale)  # of the median object
    most = min(8 if machine.gpus else PAIRS, data.images)
    batch = max(1, min(int((machine.memory - 1) / _pair(chosen, scale)), most))
    share = recipe(name).student_share if iterations is None else 1.0
    if iterations is None:
        wanted = round(EPOCHS * data.images / batch, -2)
        iterations = int(min(max(wanted, chosen.least), chosen.most))
    rois = chosen.rois if data.boxes_an_image <= 8 or not chosen.rois else max(chosen.rois, 128)
    labeled = max(batch // 2, 1) if chosen.start else batch
    about = f' ({chosen.about})' if chosen.about else ''
    why: tuple[str, ...] = (
        f'detector {name}{about}: {reason}{machine.text()}',
        f'images of at most {scale[0]} x {scale[1]} px: the median object is {side:.0f} px wide then',
        f'{batch} labeled images per iteration and GPU, of the student {labeled} labeled + {2 * batch - labeled} '
        'unlabeled; learning rate in proportion',
    )
    rate = float(f'{chosen.rate * batch / chosen.base * KNOWN**known:.3g}')
    if known:
        why += (
            f'learning rate {rate:g}, {1 / KNOWN**known:.3g} times lower than without classes that the start knows, '
            'so that it forgets none; it is evaluated before the first iteration, too',
        )
    keeps = math.prod(data.size) >= LARGE * math.prod(scale)
    if keeps:
        why += (
            f'images of {data.size[0]} x {data.size[1]} px are decoded and resized once, and kept in the folder cache '
            'of the project, at most 4 GiB; it may be deleted at any time',
        )
    workers = max(1, min(4, machine.cores - 1))
    last = bool(chosen.start) and not machine.gpus
    small = _small_warnings(scale, side)
    step = estimate_step(chosen, scale, batch, machine)
    return Plan(
        name,
        scale,
        batch,
        rate,
        iterations,
        rois,
        workers,
        why,
        last,
        small,
        step,
        share,
        known,
        keeps,
    )


def estimate_step(
    detector: Detector, scale: tuple[int, int], batch: int, machine: Machine
) -> float:
    """Seconds of a supervised iteration, roughly: within a factor of two on a CPU, of five on a GPU."""
    work = detector.core_seconds * _share(detector, scale) * batch
    if machine.gpus:
        return max(work / GPU_CORES, LEAST_STEP)
    return work / min(machine.cores, 4) ** 0.8  # more cores wait for one another


def choose_detector(data: LabeledSet, machine: Machine) -> tuple[str, str]:
    """The name of the detector that fits a machine, and the reason, which goes before the machine's own text.

    ``yolox_nano`` without a GPU; with one the largest RTMDet of which 4 labeled and 4 unlabeled images fit into its
    memory at the size that the data ask for (:func:`fit_scale`), ``yolox_nano`` where none does.
    """
    if not machine.gpus:
        return 'yolox_nano', 'the one for machines without a GPU; here: '
    fitting = _fitting(data, machine)
    if not fitting:
        return 'yolox_nano', 'no RTMDet fits into the GPU; here: '
    name, needed = next(iter(fitting.items()))
    images = f'{PAIRS} + {PAIRS} images fit into the GPU, about {needed:.0f} GiB'
    return name, f'the largest RTMDet whose {images}; here: '


def trial_detectors(data: LabeledSet, machine: Machine) -> list[str]:
    """The detectors that a trial compares on a machine; the first is the one that :func:`choose_detector` says.

    With a GPU the RTMDets that fit into its memory; where there are none, the two detectors for CPUs.
    """
    return [*_fitting(data, machine)] or ['yolox_nano', 'faster_rcnn_lite']


def _fitting(data: LabeledSet, machine: Machine) -> dict[str, float]:
    """The RTMDets of which 4 labeled and 4 unlabeled images fit into a GPU, largest first, and the GiB of these."""
    if not machine.gpus:
        return {}
    names = ('rtmdet_l', 'rtmdet_m', 'rtmdet_tiny')
    scales = {name: fit_scale(DETECTORS[name].scale, data) for name in names}
    needed = {name: 1 + PAIRS * _pair(DETECTORS[name], scales[name]) for name in names}
    return {name: gib for name, gib in needed.items() if gib <= machine.memory}


def recipe(detector: str) -> Config:
    """The student's config in ``configs/_base_``: how long it is trained after its teacher, what its step costs."""
    return Config.fromfile(configs_folder() / '_base_' / DETECTORS[detector].recipe)


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


def _small_warnings(scale: tuple[int, int], side: float) -> tuple[str, ...]:
    """A line where half of all objects are smaller than what a detector's finest features tell apart."""
    if not 0 < side < SMALL:
        return ()
    return (
        f'at {scale[0]} x {scale[1]} px the median object is {side:.1f} px wide, too small to be found (at least '
        f'{SMALL} px): cut the images and their boxes into tiles by tools/dataset/tile.py before `new`, and use the '
        'detector with `infer --tile`; or set a larger `scale` in data.py, which costs time and memory',
    )


def _pair(detector: Detector, scale: tuple[int, int]) -> float:
    """Memory of one labeled and one unlabeled image of a size, GiB."""
    return detector.gib * _share(detector, scale)


def _share(detector: Detector, scale: tuple[int, int]) -> float:
    """The pixels of a size over those of the detector's own."""
    return scale[0] * scale[1] / (detector.scale[0] * detector.scale[1])


def _multiple_of_32(side: float) -> int:
    return max(64, round(side / 32) * 32) if side < 1300 else round(side)
