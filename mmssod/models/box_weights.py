"""Per-box loss weights in dense heads and DETRs, and the foreground sums of Eq. 6.

A true (or pseudo) box carries a ``weights`` value. A head assigns its places (points, anchors, queries) to boxes, and
each place gets the weight of its box, in the loss of the class and in those of the location. Background stays at 1,
and so do the numbers that losses are divided by: a weight of two doubles what a box contributes.

As in :mod:`~mmssod.models.dense_certainty` the class of a head is exchanged for a subclass of it with the same weights.

``N`` places of all images, ``n`` of them foreground, ``M`` classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import torch
from mmdet.models.dense_heads import AnchorHead, DETRHead, YOLOXHead
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.equations import class_certainty_sums, mean_peak

from .dense_certainty import certain_class
from .foreground import Foreground, WatchedAssigner

Module = TypeVar('Module', bound=nn.Module)


class BoxWeightMixin:
    """Base: what is done before each of the head's losses.

    Attributes:
        takes_box_weights: Whether weights of single boxes change the losses.
    """

    takes_box_weights = True
    foreground: Foreground | None = None
    num_classes: int
    assigner: Any

    def loss_by_feat(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Mmdet's losses, and ``fg_certainty`` and ``fg_count`` of Eq. 6, both of shape (M,)."""
        self.calls = 0
        self.sums: list[tuple[Tensor, Tensor]] = []
        self.layers = len(args[0] if args else next(iter(kwargs.values())))
        losses = self.weighed_losses(*args, **kwargs)
        # Always there, also of images without a box: branches are added up.
        none = torch.zeros(self.num_classes, dtype=torch.float64, device=_device(losses))
        for place, name in enumerate(('fg_certainty', 'fg_count')):
            losses[name] = sum((sums[place] for sums in self.sums), none)
        return losses

    def weighed_losses(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Mmdet's losses, weighed; arguments of ``loss_by_feat``."""
        return super().loss_by_feat(*args, **kwargs)  # type: ignore[misc]

    @contextmanager
    def watching(self, foreground: Foreground) -> Iterator[None]:
        """Within it the losses weigh the rows of these places; afterwards their certainties are counted."""
        self.foreground = foreground
        try:
            yield
        finally:
            self.foreground = None
        labels, p, v = foreground.labels, foreground.p, foreground.v
        if labels is not None and p is not None:
            v = torch.ones_like(p) if v is None else v
            self.sums.append(class_certainty_sums(p, v, labels, self.num_classes))

    def row_weights(self, name: str) -> Tensor | None:
        """Weights of the rows of a loss, or of groups of them; None leaves it as it is."""
        assert self.foreground is not None
        return self.foreground.weights

    def see(self, name: str, prediction: Tensor, target: Any) -> None:
        """Read certainties of the foreground from what a loss is given."""
        assert self.foreground is not None
        if name == 'loss_centerness':
            self.foreground.v = prediction.float().sigmoid().reshape(-1)
        elif name == 'loss_dfl':
            bins = prediction.float().softmax(dim=-1)
            self.foreground.v = mean_peak(bins.reshape(-1, 4, bins.shape[-1]))


class TargetWeightMixin(BoxWeightMixin):
    """For heads whose targets have weights: anchor heads, RTMDet, DETRs.

    Not all of them read the weights of boxes. In ATSS, GFL and RTMDet the quality of the place stands there; of these
    the rows of the other losses are weighed.
    """

    def _get_targets_single(self, *args: Any, **kwargs: Any) -> tuple:
        """Mmdet's targets of one image, weighed."""
        self.assigner.forget()
        targets = super()._get_targets_single(*args, **kwargs)  # type: ignore[misc]
        return weigh_targets(targets, self.assigner.weights, self.num_classes)

    def _get_dn_targets_single(self, gt_instances: Any, *args: Any, **kwargs: Any) -> tuple:
        """Mmdet's targets of the denoising queries of one image (DINO), weighed; a group has a query for each box."""
        targets = super()._get_dn_targets_single(gt_instances, *args, **kwargs)  # type: ignore[misc]
        weights = gt_instances.get('weights')
        if weights is None or not len(weights):
            return targets
        return weigh_targets(
            targets, weights.repeat(len(targets[4]) // len(weights)), self.num_classes
        )

    def loss_by_feat_single(self, *args: Any, **kwargs: Any) -> tuple:
        """Mmdet's losses of one level or of one layer of a decoder."""
        self.calls += 1
        losses = super().loss_by_feat_single  # type: ignore[misc]
        given = inspect.signature(losses).bind(*args, **kwargs).arguments
        foreground = Foreground()
        if 'label_weights' in given and 'bbox_weights' not in given:
            places = foreground_of(given['labels'].reshape(-1), self.num_classes)
            foreground.weights = given['label_weights'].reshape(-1)[places]
        with self.watching(foreground):
            return losses(*args, **kwargs)

    def row_weights(self, name: str) -> Tensor | None:
        """Of all losses but the classification, whose targets are weighed."""
        return None if name == 'loss_cls' else super().row_weights(name)

    def see(self, name: str, prediction: Tensor, target: Any) -> None:
        """Certainties of the foreground; of a decoder's layers those of the last, whose boxes are answered."""
        if isinstance(self, DETRHead) and self.calls != self.layers:
            return
        super().see(name, prediction, target)
        if name != 'loss_cls':
            return
        labels = target[0] if isinstance(target, tuple) else target
        places = foreground_of(labels, self.num_classes)
        logits = prediction[places].float()
        sigmoid = getattr(self.loss_cls, 'use_sigmoid', True)  # type: ignore[attr-defined]
        scores = logits.sigmoid() if sigmoid else logits.softmax(dim=-1)
        assert self.foreground is not None
        self.foreground.labels = labels[places]
        self.foreground.p = scores.gather(1, labels[places][:, None]).squeeze(1)


class RowWeightMixin(BoxWeightMixin):
    """For YOLOX and its subclasses, whose losses are given the foreground's rows and no weights."""

    def weighed_losses(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Mmdet's losses, weighed."""
        with self.watching(Foreground()):
            return super().weighed_losses(*args, **kwargs)

    def _get_targets_single(self, *args: Any, **kwargs: Any) -> tuple:
        """Mmdet's targets of one image, whose foreground is remembered."""
        self.assigner.forget()
        targets = super()._get_targets_single(*args, **kwargs)  # type: ignore[misc]
        assert self.foreground is not None
        self.foreground.add_image(targets[0], self.assigner.weights, self.assigner.labels)
        return targets

    def row_weights(self, name: str) -> Tensor | None:
        """Objectness has a row for each place, the others one for each foreground place."""
        assert self.foreground is not None
        return self.foreground.everywhere() if name == 'loss_obj' else super().row_weights(name)

    def see(self, name: str, prediction: Tensor, target: Any) -> None:
        """Certainty is what YOLOX ranks by: the class's score times objectness."""
        seen = self.foreground
        assert seen is not None and seen.labels is not None
        super().see(name, prediction, target)
        if name == 'loss_obj':
            self.objectness = prediction.float().sigmoid().reshape(-1)[seen.mask]
        elif name == 'loss_cls':
            scores = prediction.float().sigmoid().gather(1, seen.labels[:, None]).squeeze(1)
            seen.p = scores * self.objectness
        elif name == 'loss_bucket':
            seen.v = self.loc_certainty(prediction)  # type: ignore[attr-defined]


def foreground_of(labels: Tensor, num_classes: int) -> Tensor:
    """Indices of foreground places, shape (n,), of labels of shape (N,): ``num_classes`` and more are background."""
    return ((labels >= 0) & (labels < num_classes)).nonzero().squeeze(1)


def weigh_targets(targets: tuple, weights: Tensor | None, num_classes: int) -> tuple:
    """Mmdet's targets of one image with the weights of its foreground places.

    Args:
        targets: Among them labels (N,), the only integers of one dimension before ``pos_inds``, behind them label
            weights (N,), box targets (N, 4), and perhaps box weights (N, 4).
        weights: Weights of the foreground places in their order, shape (n,); None changes nothing.
        num_classes: ``M``.

    Raises:
        ValueError: The numbers of places differ: the head samples among the places that it assigns.
    """
    if weights is None:
        return targets
    first = next(i for i, t in enumerate(targets) if t.dim() == 1 and not t.is_floating_point())
    places = foreground_of(targets[first], num_classes)
    if len(places) != len(weights):
        raise InputError(
            f'box weights: expected the {len(weights)} places that the assigner gave to boxes, got {len(places)} that '
            "are trained; take a head without a sampler (train_cfg.sampler=dict(type='PseudoSampler')), or switch off "
            'what weighs boxes'
        )
    weighed = list(targets)
    for index in (first + 1, first + 3):
        value = targets[index]
        if index == first + 1 or value.shape == targets[first + 2].shape:
            factors = weights.to(value).view(-1, *[1] * (value.dim() - 1))
            weighed[index] = value.index_put((places,), value[places] * factors)
    return tuple(weighed)


def before_loss(
    head: Any, name: str, loss: nn.Module, args: tuple, kwargs: dict[str, Any]
) -> tuple[tuple, dict[str, Any]] | None:
    """Hook before one of a head's losses: see, and weigh.

    Args:
        head: With a :class:`BoxWeightMixin`.
        name: Name of the loss.
        loss: The loss itself.
        args: Prediction, target and perhaps weights.
        kwargs: Other arguments of the loss.
    """
    if head.foreground is None:
        return None
    with torch.no_grad():
        head.see(name, args[0].detach(), args[1])
    weights = head.row_weights(name)
    if weights is None or not len(weights):
        return None
    prediction = args[0]
    rows = weights.to(prediction.dtype).repeat_interleave(len(prediction) // len(weights))
    given = args[2] if len(args) > 2 else kwargs.get('weight')
    if given is not None:
        rows = given * rows.view(-1, *[1] * (given.dim() - 1))
    elif prediction.dim() == 2:
        rows = rows[:, None].expand_as(prediction)
    return args[:2], {**kwargs, 'weight': rows}


def take_box_weights(detector: Module) -> Module:
    """Let the dense head or the DETR head of a detector read box weights, where it can; in place.

    Args:
        detector: Any detector; one with an RoI head stays as it is.
    """
    head: Any = getattr(detector, 'bbox_head', None)
    mixin = _mixin_for(head)
    if mixin is None:
        return detector
    head.__class__ = certain_class(type(head), mixin)  # type: ignore[arg-type]
    head.assigner = WatchedAssigner(head.assigner)
    for name, loss in head.named_children():
        if name.startswith('loss_'):
            loss.register_forward_pre_hook(partial(before_loss, head, name), with_kwargs=True)
    return detector


def _mixin_for(head: Any) -> type | None:
    """How a head can be weighed; None if it cannot."""
    assigners = {id(v) for v in vars(head).values() if hasattr(v, 'assign')} if head else set()
    if len(assigners) != 1 or not hasattr(head, 'assigner') or isinstance(head, BoxWeightMixin):
        return None
    if getattr(head, 'loss_cls', None) is None:
        return None  # SSD: Eq. 6 could count no foreground
    if any(hasattr(part, 'assigner') for part in head.children()):
        return None  # DDQ: a part of the head assigns by itself, and would weigh nothing
    if isinstance(head, YOLOXHead):
        return RowWeightMixin
    if isinstance(head, DETRHead):
        return TargetWeightMixin
    if not isinstance(head, AnchorHead):
        return None  # SABL's dense head has other targets
    # The losses of all levels, and those of one, from one class: one that overrides the first may not use the second.
    owners = [_owner(type(head), name) for name in ('loss_by_feat', 'loss_by_feat_single')]
    if owners[1] is None or owners[0] is not owners[1]:
        return None
    names = inspect.signature(head.loss_by_feat_single).parameters
    return TargetWeightMixin if 'label_weights' in names else None


def _device(losses: dict[str, Any]) -> torch.device:
    value = next(iter(losses.values()))
    return (value[0] if isinstance(value, list) else value).device


def _owner(cls: type, name: str) -> type | None:
    return next((base for base in cls.__mro__ if name in vars(base)), None)
