"""Training steps of one device at full size: seconds, memory and waits by detector, kind of step and precision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from mmengine.optim import OptimWrapper

from mmssod.models.frozen_batch_norm import freeze_batch_norm
from speed_ratios.bank import write_bank
from speed_ratios.detectors import base_detector
from speed_ratios.rows import Setting, nothing, timed
from speed_ratios.steps import CLASSES, DECAY, Images, confident, our_model, step_of
from speed_ratios.switches import AutocastOnCPU, amp, tf32, use_channels_last
from speed_ratios.syncs import host_waits

DETECTORS = ('yolox_nano', 'faster_rcnn_r50_fpn_bucket', 'rtmdet_l')
KINDS = ('supervised', 'EMA teacher', 'label bank')
PRECISIONS = ('fp32', 'TF32', 'fp16', 'bf16', 'channels last', 'compiled')
WARM_UP = 3
STEPS = 10


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Args:
        detector: Detector of ``configs/_base_/models``, weights at random.
        kind: One of :data:`KINDS`; the supervised step has the labeled images alone.
        precision: One of :data:`PRECISIONS`.
    """

    detector: str
    kind: str
    precision: str


def cells() -> list[Cell]:
    """All kinds of step in fp32 first, then the other precisions with an EMA teacher."""
    plain = [Cell(detector, kind, 'fp32') for kind in KINDS for detector in DETECTORS]
    return plain + [
        Cell(detector, 'EMA teacher', precision)
        for precision in PRECISIONS[1:]
        for detector in DETECTORS
    ]


def measure(cell: Cell, images: Images, device: str) -> dict[str, float]:
    """Seconds of a step (the median), and of the first; MiB at most on a GPU; waits of the host where it is fp32.

    Args:
        cell: What to measure.
        images: Images per step.
        device: ``'cpu'`` or ``'cuda'``.
    """
    setting = Setting(device=device)
    with tempfile.TemporaryDirectory() as folder, within(cell):
        prepare, step = cell_step(cell, images, device, Path(folder))
        if device != 'cpu':
            torch.cuda.reset_peak_memory_stats()
        times = []
        for _ in range(WARM_UP + STEPS):
            prepare()
            times.append(timed(setting, step))
        found = dict(step_seconds=median(times[WARM_UP:]), first_seconds=times[0])
        if device != 'cpu':
            found['memory_mib'] = torch.cuda.max_memory_allocated() / 2**20
        if cell.precision == 'fp32':
            prepare()
            found['waits'] = float(sum(host_waits(step).values()))
    return found


def cell_step(
    cell: Cell, images: Images, device: str, folder: Path
) -> tuple[Callable[[], None], Callable[[], None]]:
    """What prepares a step of a cell, and the step; batch norm is fixed."""
    torch.manual_seed(0)
    detector = base_detector(cell.detector)
    heads = detector.roi_head if 'roi_head' in detector else detector
    heads.bbox_head.num_classes = CLASSES
    model = our_model(detector)
    threshold = confident(model, images)
    if cell.kind == 'label bank':
        write_bank(folder, model.labeler.teacher, images)
        weights = model.student.state_dict()
        model = our_model(detector, labeler=dict(type='LabelBank', path=str(folder)))
        model.student.load_state_dict(weights)
    model.balancer.threshold = threshold
    freeze_batch_norm(model)
    model.to(device).train()
    if cell.precision == 'channels last':
        use_channels_last(model)
    if cell.precision == 'compiled':
        model.student.backbone.compile()
        model.student.neck.compile()
    follow = nothing
    if cell.kind == 'EMA teacher':
        follow = partial(model.labeler.update, model.student, DECAY)
    trained = model.student if cell.kind == 'supervised' else model
    batch = partial(batch_of, cell.kind, images)
    return step_of(trained, batch, follow, wrapper(cell.precision, device))


def batch_of(kind: str, images: Images) -> dict[str, Any]:
    """A batch as a loader gives it: labeled images alone, or all; with a bank the weak views have no pixels."""
    data = images.batch()
    if kind == 'supervised':
        return {name: part['labeled'] for name, part in data.items()}
    if kind == 'label bank':
        data['inputs']['weak'] = [None] * images.unlabeled
    return data


def wrapper(precision: str, device: str) -> Callable[..., OptimWrapper]:
    """What takes the step; mmengine's mixed precision is for GPUs, so that a CPU has torch's bfloat16."""
    if precision not in ('fp16', 'bf16'):
        return OptimWrapper
    if device == 'cpu':
        return AutocastOnCPU
    return amp('float16' if precision == 'fp16' else 'bfloat16')


def within(cell: Cell) -> AbstractContextManager[None]:
    """TF32 where it is asked for, and nowhere else: torch has that of convolutions on by itself."""
    return tf32() if cell.precision == 'TF32' else full_precision()


@contextmanager
def full_precision() -> Iterator[None]:
    """Without TF32; and as it was afterwards."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
