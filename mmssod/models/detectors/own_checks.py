"""Checks that the parts given to a pseudo-label detector fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmdet.models.detectors import BaseDetector
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmssod.structures import Problem

HEADS_WITH_WEIGHTS = (
    "roi_head.type='CertaintyRoIHead' or 'CertaintyCascadeRoIHead', or a one-stage detector or DETR of the table in "
    'docs/detectors.md'
)
_HEADS = ('rpn_head', 'roi_head', 'bbox_head')  # each branch asks them by itself


def slot_problems(model: nn.Module) -> Iterator[Problem]:
    """Parts of a built :class:`PseudoLabelDetector` that do not fit its student."""
    yield from _weight_problems(model)
    yield from _joint_problems(model)


def _weight_problems(model: nn.Module) -> Iterator[Problem]:
    """Weights for a head that reads none; one of no detector of mmdet answers for itself."""
    student: Any = getattr(model, 'student', None)
    heads = [getattr(student, name, None) for name in ('roi_head', 'bbox_head')]
    takes = any(getattr(head, 'takes_box_weights', False) for head in heads)
    if takes or not isinstance(student, BaseDetector):
        return
    head = next((type(head).__name__ for head in heads if head is not None), 'no head')
    balancer = getattr(model, 'balancer', None)
    powers = {n: getattr(balancer, n, 0.0) for n in ('threshold_power', 'weight_power')}
    if any(powers.values()):
        what = 'thresholds and weights by class need a head that counts its foreground'
        fix = 'take such a head, or set both powers of model.balancer to 0'
        yield Problem(what, HEADS_WITH_WEIGHTS, f'{head} with {powers}', fix)
    slots = {name: getattr(model, name, None) for name in ('selector', 'mixer')}
    weighing = {n: type(p).__name__ for n, p in slots.items() if getattr(p, 'weighs_boxes', False)}
    if weighing:
        what = 'weights of single boxes need a head that reads them'
        fix = 'take such a head, or parts that weigh nothing: ThresholdSelector, KeepImages, TwoImageMosaic'
        yield Problem(what, HEADS_WITH_WEIGHTS, f'{head} with {weighing}', fix)


def _joint_problems(model: nn.Module) -> Iterator[Problem]:
    """Batch norm that learns sees a batch's statistics, and in one pass those of both branches."""
    if not getattr(model, 'joint_features', False):
        return
    student: Any = model.student
    training = student.training
    student.train()  # as the loop will; layers that are frozen stay in eval mode
    learning = [
        name
        for name, part in student.named_modules()
        if isinstance(part, _BatchNorm) and part.training and not name.startswith(_HEADS)
    ]
    student.train(training)
    if learning:
        yield Problem(
            'joint_features would mix the batch statistics of labeled images and strong views',
            'a student whose batch norms are frozen in training',
            f'{len(learning)} that are not, such as student.{learning[0]}',
            'set model.joint_features=False, or freeze them: model.detector.backbone.norm_eval=True',
        )
