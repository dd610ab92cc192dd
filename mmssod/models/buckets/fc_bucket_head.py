"""Bucket head with two shared fully connected layers: cheap, and sufficient for few labels."""

from typing import Any

import torch
from mmdet.registry import MODELS
from torch import Tensor

from mmssod.models.buckets.bucket_head import BucketHead


@MODELS.register_module()
class FCBucketHead(BucketHead):
    """Predicts buckets and offsets from the same features as the class.

    Args:
        num_shared_fcs: Number of shared fully connected layers.
        kwargs: As :class:`BucketHead`.
    """

    def __init__(self, num_shared_fcs: int = 2, **kwargs: Any) -> None:
        super().__init__(num_shared_fcs=num_shared_fcs, **kwargs)

    def init_weights(self) -> None:
        """Mmdet's initialization, then each bucket's prior."""
        super().init_weights()
        with torch.no_grad():
            self.fc_reg.bias.view(2, -1)[0].fill_(self.prior_logit)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class scores (N, M + 1) and localization (N, 2, 4, K) of RoI features (N, C, H, W)."""
        cls_score, bbox_pred = super().forward(x)
        return cls_score, bbox_pred.view(-1, 2, 4, self.num_buckets)
