"""Bucket head in the style of SABL: each side is localized from features along its own axis.

``N`` RoIs, ``C`` channels, ``R`` RoI feature size, ``K`` buckets per side.
"""

from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.model import kaiming_init, normal_init
from torch import Tensor, nn

from mmssod.environment.errors import InputError
from mmssod.models.buckets.bucket_head import BucketHead, start_at


@MODELS.register_module()
class SideAwareBucketHead(BucketHead):
    """Side-aware localization after SABL (Wang et al., ECCV 2020), with any number of buckets.

    The RoI features are pooled with attention to one row (for left and right) and one column (for top and
    bottom), upsampled, halved between the two sides of the axis, and interpolated to K places, border first.
    mmdet's ``SABLHead`` ties K to the RoI size; here it is free. One linear layer reads a logit from each place, so
    there must be K features per side before the interpolation: from fewer, the logits of K buckets lie on lines between
    those of few, and most buckets can never have the greatest one.

    Args:
        num_cls_fcs: Fully connected layers before the class scores.
        num_pre_convs: 3x3 convolutions before the attention pooling.
        num_post_convs: 1D convolutions after it.
        up_ratio: How far the row and the column are upsampled (transposed convolution); by default the least that
            gives K features per side: 9 at K = 30 and RoI features of 7 x 7.
        kwargs: As :class:`BucketHead`.
    """

    def __init__(
        self,
        num_cls_fcs: int = 1,
        num_pre_convs: int = 2,
        num_post_convs: int = 1,
        up_ratio: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_cls_fcs=num_cls_fcs, with_reg=False, **kwargs)
        channels = self.in_channels
        least = least_up_ratio(self.num_buckets, self.roi_feat_size[0])
        up_ratio = max(least, 2) if up_ratio is None else up_ratio  # SABL's is 2
        if up_ratio < least:
            raise InputError(
                f'up_ratio {up_ratio} gives fewer features per side than the {self.num_buckets} buckets, of which most '
                f'could never be chosen; expected at least {least}, or leave it out'
            )
        self.pre_convs = nn.Sequential(
            *(ConvModule(channels, channels, 3, padding=1) for _ in range(num_pre_convs))
        )
        # One of each for x (a row, along the width) and for y (a column, along the height).
        self.attentions = nn.ModuleList(nn.Conv2d(channels, 1, 1) for _ in range(2))
        self.axes = nn.ModuleList(
            self._axis_layers(channels, num_post_convs, up_ratio) for _ in range(2)
        )
        self.fc_bucket = nn.Linear(channels, 1)
        self.fc_offset = nn.Linear(channels, 1)

    @staticmethod
    def _axis_layers(channels: int, num_post_convs: int, up_ratio: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for _ in range(num_post_convs):
            layers += [nn.Conv1d(channels, channels, 3, padding=1), nn.ReLU(inplace=True)]
        if up_ratio > 1:
            upsample = nn.ConvTranspose1d(channels, channels, up_ratio, stride=up_ratio)
            layers += [upsample, nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    def init_weights(self) -> None:
        """Mmdet's initialization, Kaiming for the side features, then each bucket's prior."""
        super().init_weights()
        for module in self.axes.modules():
            if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
                kaiming_init(module, distribution='normal')
        for attention in self.attentions:
            normal_init(attention, std=0.01)
        start_at(self.fc_bucket, self.prior_logit)
        start_at(self.fc_offset, 0.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class scores (N, M + 1) and localization (N, 2, 4, K) of RoI features (N, C, R, R)."""
        cls_score, _ = super().forward(x)
        sides = self._side_features(x)
        localization = [self.fc_bucket(sides), self.fc_offset(sides)]
        return cls_score, torch.cat(localization, dim=-1).permute(0, 3, 1, 2)

    def _side_features(self, x: Tensor) -> Tensor:
        """Features of each bucket: (N, C, R, R) -> (N, 4, K, C)."""
        x = self.pre_convs(x)
        lines = []
        for axis, (attention, layers) in enumerate(zip(self.attentions, self.axes, strict=True)):
            # For x the height (dim 2) is pooled away, for y the width (dim 3).
            mask = attention(x).sigmoid()
            mask = mask / mask.sum(dim=2 + axis, keepdim=True)
            lines.append(layers((x * mask).sum(dim=2 + axis)))
        half = features_per_side(lines[0].size(-1))
        near = [line[..., :half] for line in lines]
        far = [line[..., -half:].flip(-1) for line in lines]
        sides = torch.stack(near + far, dim=1)  # (N, 4, C, half)
        # As a product, whose backward is deterministic on a GPU, too.
        weights = F.interpolate(torch.eye(half).to(sides)[None], self.num_buckets, mode='linear')
        return (sides @ weights[0].to(sides)).transpose(2, 3)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Refuses weights of another upsampling: loaded without a word, the sides would start at random."""
        for name, ours in self.state_dict(prefix=prefix).items():
            theirs = state_dict.get(name, ours)
            if name.startswith(f'{prefix}axes.') and theirs.shape != ours.shape:
                raise InputError(
                    f'{name} has shape {tuple(theirs.shape)} in the checkpoint, expected {tuple(ours.shape)}: it is of '
                    f'a head with another up_ratio or number of buckets than {self.num_buckets}, or of one from before '
                    'there were as many features per side as buckets. Train it anew, or start from it by load_from, '
                    'which leaves out what does not fit'
                )
        super()._load_from_state_dict(state_dict, prefix, *args)


def features_per_side(length: int) -> int:
    """How many places of an upsampled row belong to one of its sides; of an odd row both have the middle one."""
    return (length + 1) // 2


def least_up_ratio(num_buckets: int, roi_size: int) -> int:
    """The least upsampling of a row of ``roi_size`` features that gives each side as many as buckets."""
    ratio = 1
    while features_per_side(ratio * roi_size) < num_buckets:
        ratio += 1
    return ratio
