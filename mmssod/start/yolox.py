"""YOLOX's weights: from its authors' names to mmdet's, and which size of the detector they are.

The two implementations have the same layers under other names. Where the authors' CSP block has ``conv1`` and ``conv2``
side by side, the first leads into the bottlenecks (mmdet's ``main_conv``), the second past them (``short_conv``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmssod.environment.errors import InputError

NORM_EPS = 1e-3
"""Of all batch norms in YOLOX, in both implementations."""
SIZES = {
    'nano': (1, 16, True), 'tiny': (1, 24, False), 's': (1, 32, False), 'm': (2, 48, False), 'l': (3, 64, False),
    'x': (4, 80, False),
}  # fmt: skip
"""Depth, width and depthwise of each published size, see :class:`YOLOXSize`."""

_CSP = r'(\.(?:dark[2-4]\.1|dark5\.2|C3_[pn][345])\.)'
_RULES = [
    (_CSP + r'conv1\.', r'\1main_conv.'),
    (_CSP + r'conv2\.', r'\1short_conv.'),
    (_CSP + r'conv3\.', r'\1final_conv.'),
    (_CSP + r'm\.', r'\1blocks.'),
    (r'\.dconv\.', '.depthwise_conv.'),
    (r'\.pconv\.', '.pointwise_conv.'),
    (r'^backbone\.backbone\.stem\.', 'backbone.stem.'),
    *((rf'^backbone\.backbone\.dark{i + 1}\.', f'backbone.stage{i}.') for i in (1, 2, 3, 4)),
    (r'^backbone\.lateral_conv0\.', 'neck.reduce_layers.0.'),
    (r'^backbone\.reduce_conv1\.', 'neck.reduce_layers.1.'),
    (r'^backbone\.C3_p4\.', 'neck.top_down_blocks.0.'),
    (r'^backbone\.C3_p3\.', 'neck.top_down_blocks.1.'),
    (r'^backbone\.bu_conv2\.', 'neck.downsamples.0.'),
    (r'^backbone\.bu_conv1\.', 'neck.downsamples.1.'),
    (r'^backbone\.C3_n3\.', 'neck.bottom_up_blocks.0.'),
    (r'^backbone\.C3_n4\.', 'neck.bottom_up_blocks.1.'),
    (r'^head\.stems\.', 'neck.out_convs.'),
    (r'^head\.(cls|reg)_convs\.', r'bbox_head.multi_level_\1_convs.'),
    (r'^head\.(cls|reg|obj)_preds\.', r'bbox_head.multi_level_conv_\1.'),
]
_CONVERTED = re.compile(r'(backbone\.(stem|stage[1-4])|neck|bbox_head)\.')


@dataclass(frozen=True)
class YOLOXSize:
    """Depth, width and kind of convolutions of a YOLOX."""

    depth: int  # bottlenecks in the first stage and each block of the neck, 1 to 4; thrice as many in middle stages
    width: (
        int  # channels of the stem, 16 to 80 in the published sizes; all others are multiples of it
    )
    depthwise: bool  # whether 3 x 3 convolutions are split into a depthwise and a pointwise one
    num_classes: int

    @property
    def name(self) -> str:
        """``'nano'``, ``'tiny'``, ``'s'``, ``'m'``, ``'l'``, ``'x'``, or ``'of no published size'``."""
        own = (self.depth, self.width, self.depthwise)
        return next((name for name, size in SIZES.items() if size == own), 'of no published size')

    @property
    def deepen_factor(self) -> float:
        """The depth as mmdet's configs have it."""
        return round(self.depth / 3, 2)

    @property
    def widen_factor(self) -> float:
        """The width as mmdet's configs have it."""
        return self.width / 64

    def text(self) -> str:
        """All of it on one line, for people."""
        return (
            f'YOLOX {self.name}: deepen_factor {self.deepen_factor}, widen_factor {self.widen_factor}, '
            f'use_depthwise {self.depthwise}, {self.num_classes} classes'
        )


def is_yolox_pth(keys: Iterable[str]) -> bool:
    """Whether these are the names of a state dict of YOLOX's authors."""
    keys = set(keys)
    return {'backbone.backbone.stem.conv.conv.weight', 'head.stems.0.conv.weight'} <= keys


def from_yolox_pth(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a YOLOX of its authors (their checkpoint's ``'model'``) under the names of mmdet's ``YOLOX``.

    Raises:
        ValueError: Names that YOLOX with the CSP backbone does not have, as that with Darknet-53 has.
    """
    converted = {_convert(name): tensor for name, tensor in state_dict.items()}
    unknown = [name for name in state_dict if not _CONVERTED.match(_convert(name))]
    if unknown or len(converted) < len(state_dict):
        raise InputError(
            "expected the names of YOLOX's authors (backbone.backbone.dark2..., head.stems...), got also "
            f'{len(unknown)} others: {", ".join(unknown[:3])}; fix: give a checkpoint of YOLOX nano, tiny, s, m, l or x'
        )
    return converted


def yolox_size(weights: Mapping[str, Tensor]) -> YOLOXSize:
    """Determine the size of a YOLOX from its weights in mmdet's names.

    Raises:
        ValueError: A layer that tells the size is missing.
    """
    blocks = re.compile(r'backbone\.stage1\.1\.blocks\.\d+\.conv1\.conv\.weight')
    try:
        return YOLOXSize(
            depth=sum(1 for name in weights if blocks.fullmatch(name)),
            width=weights['backbone.stem.conv.conv.weight'].shape[0],
            depthwise='backbone.stage1.0.depthwise_conv.conv.weight' in weights,
            num_classes=weights['bbox_head.multi_level_conv_cls.0.weight'].shape[0],
        )
    except KeyError as error:
        raise InputError(
            f"expected a YOLOX in mmdet's names, got weights without {error}; fix: convert them with from_yolox_pth"
        ) from None


def yolox_config(size: YOLOXSize) -> dict[str, Any]:
    """Config of mmdet's YOLOX of this size, for images in BGR, 0 to 255, padded with 114."""
    channels = [4 * size.width, 8 * size.width, 16 * size.width]
    norm = dict(type='BN', momentum=0.03, eps=NORM_EPS)
    shared = dict(use_depthwise=size.depthwise, norm_cfg=norm, act_cfg=dict(type='SiLU'))
    factors = dict(deepen_factor=size.deepen_factor, widen_factor=size.widen_factor)
    return dict(
        type='YOLOX',
        data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=32, pad_value=114),
        backbone=dict(type='CSPDarknet', out_indices=(2, 3, 4), **factors, **shared),
        neck=dict(
            type='YOLOXPAFPN',
            in_channels=channels,
            out_channels=channels[0],
            num_csp_blocks=size.depth,
            **shared,
        ),
        bbox_head=dict(
            type='YOLOXHead',
            num_classes=size.num_classes,
            in_channels=channels[0],
            feat_channels=channels[0],
            **shared,
        ),
        train_cfg=dict(assigner=dict(type='SimOTAAssigner', center_radius=2.5)),
        test_cfg=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.65)),
    )


def build_yolox(size: YOLOXSize, device: str = 'cpu') -> nn.Module:
    """Build mmdet's YOLOX of this size; on the device ``'meta'`` it has shapes and no memory."""
    with DefaultScope.overwrite_default_scope('mmdet'), torch.device(device):
        return MODELS.build(yolox_config(size))


def require_whole(weights: Mapping[str, Tensor]) -> YOLOXSize:
    """The size of a YOLOX whose weights, in mmdet's names, are all there, each of the shape it must have.

    Raises:
        ValueError: Missing or unexpected names, or other shapes; says which.
    """
    size = yolox_size(weights)
    expected = {name: tuple(t.shape) for name, t in build_yolox(size, 'meta').state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    wrong = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    if wrong:
        lines = (
            f'{n}: expected {expected.get(n, "none")}, got {found.get(n, "none")}'
            for n in wrong[:3]
        )
        raise InputError(
            f'these are not the weights of a YOLOX ({size.text()}); {len(wrong)} differ: '
            f'{"; ".join(lines)}; fix: give the whole checkpoint of YOLOX nano, tiny, s, m, l or x'
        )
    return size


def _convert(name: str) -> str:
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name
