"""The box coder and the EMA update against mmdet's."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from mmdet.engine.hooks import MeanTeacherHook
from mmdet.models.task_modules.coders import BucketingBBoxCoder
from mmdet.registry import MODELS
from torch import Tensor

from mmssod.models.buckets import SideAwareBucketHead, SideBucketCoder
from mmssod.models.pseudo import EMATeacher
from speed_ratios.detectors import base_detector
from speed_ratios.rows import Measured, Row, Setting, in_turns

BOXES, BUCKETS = 2048, 30
IMAGE = (800, 1333)


def boxes_and_truth(device: str) -> tuple[Tensor, Tensor]:
    """Boxes of 16 to 216 px and others some pixels away, shape (2048, 4) each."""
    generator = torch.Generator().manual_seed(0)
    center = torch.rand(BOXES, 2, generator=generator) * 800
    half = torch.rand(BOXES, 2, generator=generator) * 100 + 8
    boxes = torch.cat([center - half, center + half], dim=1)
    truth = boxes + torch.randn(BOXES, 4, generator=generator) * 8
    return boxes.to(device), truth.to(device)


def coder(setting: Setting) -> Measured:
    """Encode and decode 2048 boxes, K = 30 a side (60 in mmdet's counting)."""
    ours = SideBucketCoder(BUCKETS)
    theirs = BucketingBBoxCoder(num_buckets=2 * BUCKETS, scale_factor=ours.scale_factor)
    boxes, truth = boxes_and_truth(setting.device)
    generator = torch.Generator().manual_seed(1)
    answers = torch.randn(2, BOXES, 4, BUCKETS, generator=generator).to(setting.device)
    flat = tuple(answers.flatten(2))

    def our_coder() -> None:
        ours.encode(boxes, truth)
        ours.decode(boxes, answers[0], answers[1], IMAGE)

    def their_coder() -> None:
        theirs.encode(boxes, truth)
        theirs.decode(boxes, flat, IMAGE)

    return Measured(*in_turns(setting, our_coder, their_coder, calls=10))


def ema_update(setting: Setting) -> Measured:
    """One update of the teacher of a ResNet-50 Faster R-CNN; mmdet's hook skips buffers, as it does by default."""
    config = base_detector('faster_rcnn_r50_fpn')
    teacher = EMATeacher(config).to(setting.device)
    student = MODELS.build(config).to(setting.device)
    hook, pair = MeanTeacherHook(), SimpleNamespace(student=student, teacher=teacher.teacher)
    times = in_turns(
        setting,
        lambda: teacher.update(student, 0.999),
        lambda: hook.momentum_update(pair, 0.001),
        calls=3,
    )
    return Measured(*times, note=f'memory alone: {least_ratio(setting, student):.2f}')


@torch.no_grad()
def least_ratio(setting: Setting, student: torch.nn.Module) -> float:
    """What the ratio cannot go below where memory is the limit: one pass over all weights against mmdet's two.

    The update reads teacher and student and writes the teacher, which no single kernel can do with less; mmdet's
    scales the teacher first and so reads and writes it once more.
    """
    weights = [parameter.detach() for parameter in student.parameters()]
    others = [weight.clone() for weight in weights]
    once, twice = in_turns(
        setting,
        lambda: [a.lerp_(b, 0.001) for a, b in zip(others, weights, strict=True)],
        lambda: [a.mul_(0.999).add_(b, alpha=0.001) for a, b in zip(others, weights, strict=True)],
        calls=3,
    )
    return Measured(once, twice).ratio


def side_aware_head(setting: Setting) -> Measured:
    """Forward and backward of the head for K = 30: of 256 channels, 128 RoIs (32 when quick) of 7 x 7 features."""
    sizes = dict(type='SideAwareBucketHead', num_classes=80, in_channels=256, fc_out_channels=1024)
    ours: SideAwareBucketHead = MODELS.build(
        {**sizes, 'bbox_coder': dict(type='SideBucketCoder', num_buckets=BUCKETS)}
    ).to(setting.device)
    theirs: SideAwareBucketHead = MODELS.build(
        {**sizes, 'bbox_coder': dict(type='SideBucketCoder', num_buckets=7)}
    ).to(setting.device)
    theirs.num_buckets = BUCKETS  # interpolated from 7 features
    features = torch.randn(32 if setting.quick else 128, 256, 7, 7, device=setting.device)

    def step(head: SideAwareBucketHead) -> None:
        scores, localization = head(features)
        (scores.mean() + localization.mean()).backward()

    return Measured(*in_turns(setting, lambda: step(ours), lambda: step(theirs)))


ROWS = (
    Row('coder', 'coder, encode + decode of 2048 boxes, K = 30, ours / mmdet', 0.33, coder),
    Row(
        'side',
        'side-aware head, K = 30 of 30 features per side / interpolated from 7 (SABL upsamples by 2)',
        1.25,
        side_aware_head,
    ),
    Row(
        'ema',
        'EMA update of a ResNet-50 Faster R-CNN, ours / mmdet',
        0.5,
        ema_update,
        reason='On a CPU memory is the limit. The update reads teacher and student and writes the teacher, and no '
        'single operation can do with less; mmdet also reads and writes the teacher once more. "Memory alone" is '
        'the ratio of just these operations, without anything around them.',
    ),
)
