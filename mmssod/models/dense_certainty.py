"""Both certainties from heads without buckets: of the class (p) and of the location (v).

``n`` boxes of one image; ``R + 1`` bins of a side's distribution.

The class of a head is exchanged for a subclass of it with the same weights, names and answers, so the configs stay
mmdet's own and a new head of mmdet needs nothing here. What v is:

=============================================  ====================================================
head                                           v
=============================================  ====================================================
with a distribution of each side (GFL)         Eq. 4 on its bins: the mean over the sides of the
                                               greatest probability
with a factor of its score (FCOS and ATSS:     that factor: p * v is then the score that the head
centerness; PAA, DDOD: predicted IoU)          ranks by
any other                                      1. Scores of YOLOX, VFNet, TOOD and RTMDet are trained
                                               to know the IoU, so p already holds it; objectness
                                               (YOLOX, YOLOv3) is trained to 1 and tells nothing of
                                               place: it is a factor of p
=============================================  ====================================================
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmssod.equations import mean_peak

Module = TypeVar('Module', bound=nn.Module)

OBJECTNESS = ('loss_obj', 'loss_conf')
"""A head with one of these losses has trained objectness: 1 at each foreground place, however well it is located."""

MAX_PER_IMAGE = 100
"""Boxes an image where the config gives no ``max_per_img``: COCO's evaluation looks at as many."""


class CertaintyMixin:
    """Answers with ``cls_certainty`` and ``loc_certainty``, and with ``max_per_img`` boxes at most."""

    def _bbox_post_process(
        self,
        results: InstanceData,
        cfg: ConfigDict,
        rescale: bool = False,
        with_nms: bool = True,
        img_meta: dict | None = None,
    ) -> InstanceData:
        """mmdet's, of whose fields suppression keeps those of the boxes that stay.

        Args:
            results: ``bboxes`` (n, 4), ``scores`` (n,), ``labels`` (n,), perhaps ``score_factors`` (n,).
            cfg: Test settings.
            rescale: Whether boxes are in pixels of the original image afterwards.
            with_nms: Whether overlapping boxes are suppressed.
            img_meta: Meta information of the image.
        """
        results.cls_certainty, results.loc_certainty = self._certainties(results)
        results = super()._bbox_post_process(  # type: ignore[misc]
            results=results, cfg=cfg, rescale=rescale, with_nms=with_nms, img_meta=img_meta
        )
        if 'cls_certainty' not in results:  # boxes were made anew: PAA votes over them
            results.cls_certainty = results.scores
            results.loc_certainty = torch.ones_like(results.scores)
        return results[: cfg.get('max_per_img', MAX_PER_IMAGE)] if with_nms else results

    def _certainties(self, results: InstanceData) -> tuple[Tensor, Tensor]:
        """P and v, both (n,): a factor of the score is v, unless it is objectness, which belongs to p."""
        ones = torch.ones_like(results.scores)
        factor = results.get('score_factors', ones)
        if any(hasattr(self, name) for name in OBJECTNESS):
            return results.scores * factor, ones
        return results.scores, factor


class DistributionMixin(CertaintyMixin):
    """The same for a head whose regression answers a distribution of each side's distance (GFL)."""

    def _predict_by_feat_single(
        self,
        cls_score_list: list[Tensor],
        bbox_pred_list: list[Tensor],
        score_factor_list: list[Tensor | None],
        mlvl_priors: list[Tensor],
        *args: Any,
        **kwargs: Any,
    ) -> InstanceData:
        """Mmdet's for heads with a factor, which takes v along through its choice of the best boxes.

        Args:
            cls_score_list: Class scores of each level, shape (classes, H, W).
            bbox_pred_list: Box predictions of each level, shape (4 (R + 1), H, W).
            score_factor_list: Not looked at.
            mlvl_priors: Anchors of each level, shape (H W, 4).
            args: As in mmdet.
            kwargs: As in mmdet.
        """
        head: Any = self
        distances, certainties = [], []
        for pred, stride in zip(bbox_pred_list, head.prior_generator.strides, strict=True):
            size = pred.shape[-2:]
            sides = pred.permute(1, 2, 0)
            certainties.append(side_certainty(sides, head.reg_max).logit().reshape(1, *size))
            distances.append((head.integral(sides) * stride[0]).reshape(*size, 4).permute(2, 0, 1))
        centers = [head.anchor_center(priors) for priors in mlvl_priors]
        return BaseDenseHead._predict_by_feat_single(
            head, cls_score_list, distances, certainties, centers, *args, **kwargs
        )

    def _certainties(self, results: InstanceData) -> tuple[Tensor, Tensor]:
        return results.scores, results.pop('score_factors')  # which is no factor of the score


def side_certainty(sides: Tensor, reg_max: int) -> Tensor:
    """Eq. 4 on the bins of a distribution; the probability of a bin is a softmax there, as it was trained.

    Args:
        sides: Logits, any shape with ``4 (R + 1)`` in each last dimension, left, top, right, bottom.
        reg_max: ``R``.

    Returns:
        In [1 / (R + 1), 1], shape (n,), float32.
    """
    return mean_peak(sides.reshape(-1, 4, reg_max + 1).float().softmax(dim=-1))


def with_certainty(model: Module) -> Module:
    """Let all dense heads of a model answer with both certainties; in place, returns the model.

    A head that does so by itself stays as it is, and so do heads that answer no classes (RPN).
    """
    for module in list(model.modules()):
        known = isinstance(module, (RPNHead, CertaintyMixin)) or hasattr(module, 'loc_certainty')
        if isinstance(module, BaseDenseHead) and not known:
            mixin = DistributionMixin if hasattr(module, 'integral') else CertaintyMixin
            module.__class__ = certain_class(type(module), mixin)  # type: ignore[arg-type]
    return model


@cache
def certain_class(cls: type, mixin: type) -> type:
    """The subclass of a head's class with a mixin of this module; it has the name of the class."""
    return type(cls.__name__, (mixin, cls), dict(__module__=cls.__module__, __doc__=cls.__doc__))
