"""Runs the two stages of a detector separately, for methods that train each with different labels.

``B`` images; boxes ``x1 y1 x2 y2`` in absolute pixels.
"""

from typing import Any

import torch
from mmdet.models.task_modules import SamplingResult
from mmdet.structures import DetDataSample, SampleList
from mmdet.utils import InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from mmssod.environment.errors import InputError

from ..pseudo import KeepImages, RescoringTeacher
from ..roi_heads import CertaintyRoIHead
from .losses import Loss


def require_two_stages(detector: Any, roi_heads: tuple[type, ...], method: str) -> None:
    """Check that a detector has an RPN and one of some RoI heads.

    Raises:
        TypeError: It has not; says what the method needs.
    """
    head = getattr(detector, 'roi_head', None)
    if getattr(detector, 'rpn_head', None) is not None and isinstance(head, roi_heads):
        return
    names = ' or '.join(cls.__name__ for cls in roi_heads)
    found = 'no RoI head' if head is None else f'roi_head.type={type(head).__name__!r}'
    raise TypeError(
        f'{method} needs a two-stage detector with an RPN and roi_head.type={names}, got '
        f'{type(detector).__name__} with {found}; take such a detector (configs/_base_/models), '
        'or a method that needs none, such as PseudoLabelDetector'
    )


def require_rescoring(method: Any) -> None:
    """Check that a method can ask its teacher again, in the weak view, at places of the strong one.

    Args:
        method: A :class:`PseudoLabelDetector`.

    Raises:
        TypeError: The student has no :class:`CertaintyRoIHead`, or the labeler is no :class:`RescoringTeacher`.
        ValueError: A mixer or ``empty_images`` that would part the weak views from the strong ones.
    """
    name = type(method).__name__
    require_two_stages(method.student, (CertaintyRoIHead,), name)
    if not isinstance(method.labeler, RescoringTeacher):
        raise TypeError(
            f"{name} asks its teacher again: expected labeler.type='RescoringTeacher', got "
            f'{type(method.labeler).__name__!r}'
        )
    if not isinstance(method.mixer, KeepImages) or method.empty_images != 'background':
        raise InputError(
            f"{name} compares each strong view with its weak one: expected mixer.type='KeepImages' and "
            f"empty_images='background', got {type(method.mixer).__name__!r} and {method.empty_images!r}"
        )


def rpn_loss(
    detector: Any, features: tuple[Tensor, ...], samples: SampleList
) -> tuple[dict[str, Loss], InstanceList]:
    """Losses of the first stage, as mmdet's two-stage detectors name them, and its proposals.

    Args:
        detector: A two-stage detector.
        features: Feature maps of the images.
        samples: With ``gt_instances``; their classes do not matter, nothing is changed.
    """
    blank = [_one_class(sample) for sample in samples]
    losses, proposals = detector.rpn_head.loss_and_predict(
        features, blank, proposal_cfg=detector.train_cfg.get('rpn_proposal', detector.test_cfg.rpn)
    )
    return {n if 'rpn' in n else f'rpn_{n}': loss for n, loss in losses.items()}, proposals


def sample_rois(
    roi_head: Any, features: tuple[Tensor, ...], proposals: InstanceList, samples: SampleList
) -> list[SamplingResult]:
    """The RoIs that the second stage learns from, one value per image; nothing is changed.

    Args:
        roi_head: mmdet's ``StandardRoIHead`` or a subclass.
        features: Feature maps; some samplers look at them.
        proposals: Proposals of each image, with ``bboxes``.
        samples: With ``gt_instances``.
    """
    results = []
    for index, (boxes, sample) in enumerate(zip(proposals, samples, strict=True)):
        priors = InstanceData(priors=boxes.bboxes)
        truth = sample.gt_instances
        assigned = roi_head.bbox_assigner.assign(priors, truth, sample.get('ignored_instances'))
        levels = [level[index][None] for level in features]
        results.append(roi_head.bbox_sampler.sample(assigned, priors, truth, feats=levels))
    return results


def _one_class(sample: DetDataSample) -> DetDataSample:
    boxes = sample.gt_instances
    found = DetDataSample(metainfo=sample.metainfo)
    found.gt_instances = InstanceData(bboxes=boxes.bboxes, labels=torch.zeros_like(boxes.labels))
    if 'ignored_instances' in sample:
        found.ignored_instances = sample.ignored_instances
    return found
