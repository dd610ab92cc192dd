"""Steps with a label bank against supervised steps and steps with a frozen teacher; and making a bank.

All of them have the same weights and see the same images with the same boxes: what a supervised step has as true boxes
of an unlabeled image is what the bank holds for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.label_bank import Header, ShardWriter, finish
from mmssod.label_bank.views import ViewLabeler
from mmssod.models.detectors.pseudo_label_detector import project
from speed_ratios.rows import Measured, Row, Setting, in_turns, nothing
from speed_ratios.steps import (
    CLASSES,
    Images,
    confident,
    our_model,
    plain_detector,
    step_of,
    usual_images,
)

START = 'start.pth'
MORE_UNLABELED = Images(1, 256, unlabeled=4)


@dataclass(frozen=True)
class Start:
    """What all steps of a comparison start from.

    Args:
        weights: Weights of student and teacher.
        threshold: Score threshold of pseudo boxes.
        targets: For each unlabeled image, ``bboxes`` in pixels of the strong view and ``labels``.
    """

    weights: dict[str, Tensor]
    threshold: float
    targets: list[dict[str, Tensor]]


def begin(folder: Path, images: Images) -> None:
    """Make a bank of a detector that is sure of something, and write beside it what a :class:`Start` holds."""
    torch.manual_seed(0)
    model = our_model(plain_detector())
    threshold = confident(model, images)
    write_bank(folder, model.labeler.teacher, images)
    weights = model.student.state_dict()
    banked = banked_model(folder, weights, threshold)
    samples = images.batch()['data_samples']
    found = banked.pseudo_labels(None, samples['weak'])
    targets = [
        dict(bboxes=labels.boxes, labels=labels.labels)
        for labels in project(found, samples['weak'], samples['strong'])
    ]
    torch.save(dict(weights=weights, threshold=threshold, targets=targets), folder / START)


def write_bank(folder: Path, teacher: Any, images: Images) -> None:
    """Label the weak views, plain and mirrored, as ``tools/make_label_bank.py`` does."""
    batch = images.batch()
    views = dict(inputs=batch['inputs']['weak'], data_samples=batch['data_samples']['weak'])
    labeler = ViewLabeler(teacher, teacher.data_preprocessor, True, 0.0, torch.device('cpu'))
    teacher.eval()
    found = labeler(views)
    header = Header(
        checkpoint='',
        teacher='',
        detector='',
        config='',
        classes=tuple(map(str, range(CLASSES))),
        floor=0.0,
        view=[],
        mirrored=True,
        images=len(found),
        shard_size=len(found),
    )
    ShardWriter(folder, header, 0).append(found)
    finish(folder, header)


def banked_model(folder: Path, weights: dict[str, Tensor], threshold: float) -> Any:
    """A student with a bank in the place of a teacher."""
    model = our_model(plain_detector(), labeler=dict(type='LabelBank', path=str(folder)))
    model.student.load_state_dict(weights)
    model.balancer.threshold = threshold
    return model


def banked_step(
    folder: Path, images: Images, device: str, joint: bool = False
) -> tuple[Callable, Callable]:
    """What prepares a step with the bank, and the step; weak views have no pixels."""
    start = Start(**torch.load(folder / START, weights_only=True))
    model = banked_model(folder, start.weights, start.threshold)
    model.joint_features = joint

    def batch() -> dict[str, Any]:
        data = images.batch()
        data['inputs']['weak'] = [None] * images.unlabeled
        return data

    return step_of(model.to(device).train(), batch)


def online_model(folder: Path) -> Any:
    """The same student with the frozen teacher that the bank was made by."""
    start = Start(**torch.load(folder / START, weights_only=True))
    model = our_model(plain_detector(), labeler=dict(type='FrozenTeacher'))
    model.student.load_state_dict(start.weights)
    model.labeler.teacher.load_state_dict(start.weights)
    model.balancer.threshold = start.threshold
    return model


def online_step(folder: Path, images: Images, device: str) -> tuple[Callable, Callable]:
    """What prepares a step with that teacher, and the step."""
    return step_of(online_model(folder).to(device).train(), images.batch)


def supervised_step(folder: Path, images: Images, device: str) -> tuple[Callable, Callable]:
    """The student alone on labeled images and strong views, all with true boxes, in one batch."""
    start = Start(**torch.load(folder / START, weights_only=True))
    student = MODELS.build(plain_detector())
    student.load_state_dict(start.weights)

    def batch() -> dict[str, Any]:
        data = images.batch()
        inputs, samples = data['inputs'], data['data_samples']
        strong = [
            labeled(sample, boxes)
            for sample, boxes in zip(samples['strong'], start.targets, strict=True)
        ]
        return dict(
            inputs=inputs['labeled'] + inputs['strong'], data_samples=samples['labeled'] + strong
        )

    return step_of(student.to(device).train(), batch)


def labeled(sample: DetDataSample, boxes: dict[str, Tensor]) -> DetDataSample:
    """A sample like the given one with these true boxes."""
    new = DetDataSample(metainfo=sample.metainfo)
    new.gt_instances = InstanceData(**boxes)
    return new


STEPS: dict[str, Callable[[Path, Images, str], tuple[Callable, Callable]]] = dict(
    bank=banked_step,
    joint=partial(banked_step, joint=True),
    online=online_step,
    supervised=supervised_step,
)


@contextmanager
def begun(setting: Setting, images: Images | None = None) -> Iterator[tuple[Path, Images]]:
    """A folder with a bank and a :class:`Start`, and the images that they belong to, by default the usual ones."""
    images = images or usual_images(setting)
    with tempfile.TemporaryDirectory() as name:
        begin(Path(name), images)
        yield Path(name), images


def steps_in_turns(
    kinds: tuple[str, str], folder: Path, images: Images, setting: Setting
) -> tuple[list[float], list[float]]:
    """Seconds of two of :data:`STEPS`."""
    both = (STEPS[kind](folder, images, setting.device) for kind in kinds)
    prepare, steps = zip(*both, strict=True)
    return in_turns(setting, *steps, prepare=prepare)


def against_supervised(setting: Setting) -> Measured:
    """A step with the bank, and a step of the student alone; beside it the same with ``joint_features``."""
    with begun(setting) as (folder, images):
        times, joint = (
            steps_in_turns((kind, 'supervised'), folder, images, setting)
            for kind in ('bank', 'joint')
        )
    note = f'{images}, lite detector; with joint_features: {Measured(*joint).ratio:.2f}'
    return Measured(*times, note=note)


def against_online(setting: Setting) -> Measured:
    """A step with the bank, and one that asks the teacher; what the teacher alone takes of it, beside it.

    The full form tells the ratio of a step with four unlabeled images to a labeled one, too.
    """
    with begun(setting) as (folder, images):
        times = steps_in_turns(('bank', 'online'), folder, images, setting)
        share = teacher_share(folder, images, setting)
    note = f'{images}, lite detector; teacher alone / step with it: {share:.2f}'
    if not setting.quick:
        with begun(setting, MORE_UNLABELED) as (folder, images):
            more = steps_in_turns(('bank', 'online'), folder, images, setting)
        note += f'; {images}: {Measured(*more).ratio:.2f}'
    return Measured(*times, note=note)


def teacher_share(folder: Path, images: Images, setting: Setting) -> float:
    """Time of the teacher's answers to the weak views over that of a step with it: all that a bank can save."""
    model = online_model(folder).to(setting.device).train()
    weak = model.data_preprocessor(images.batch(), True)
    views, samples = weak['inputs']['weak'], weak['data_samples']['weak']
    prepare, step = step_of(model, images.batch)
    times = in_turns(
        setting,
        lambda: model.labeler(views, samples, model.student),
        step,
        prepare=(nothing, prepare),
    )
    return Measured(*times).ratio


ROWS = (
    Row(
        'bank-supervised',
        'step with bank / supervised step on as many images',
        1.05,
        against_supervised,
        reason='A step with the bank takes labeled images and strong views in two passes, a supervised step in one: '
        'what a pass costs whatever is in it counts twice, and on few and small images most. joint_features shares '
        'the pass through backbone and neck.',
    ),
    Row(
        'bank-online',
        'step with bank / step with online frozen teacher',
        0.75,
        against_online,
        reason='All that a bank can save of a step is the teacher\'s share of it ("teacher alone"), a pass without '
        'gradients over half of the images. Where a step of the student costs three forward passes, the ratio stays '
        'above 3/4 however many of the images are unlabeled: the bar needs a teacher that is larger than the student, '
        'or several of them.',
    ),
)
