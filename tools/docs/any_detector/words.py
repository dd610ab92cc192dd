"""The rules of ``shrink``: values by key, and exceptions for a few classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from mmssod.models.dense_certainty import OBJECTNESS

Word = TypeVar('Word')

NUM_CLASSES = 3

VALUES: dict[str, Any] = dict(
    num_classes=NUM_CLASSES,
    init_cfg=None,  # names weights to download
    batch_augments=None,  # images of one size, which the test chooses
    score_thr=0.0,  # an untrained detector is sure of nothing, and each test needs pseudo boxes
    frozen_stages=-1,
    initial_epoch=0,  # of TOOD: before it another assigner, and our loops count no epochs
    norm_eval=False,
)
"""Values that take the place of those that are written, by key."""

AT_MOST: dict[str, int] = dict(
    stacked_convs=1,
    num_layers=2,
    num_convs=2,
    num_csp_blocks=1,
    num_queries=20,
    num_proposals=20,
    num_dn_queries=4,
    nms_pre=100,
    nms_post=50,
    max_per_img=20,
    num=32,  # samples of an image
    topk=20,
)
"""Largest numbers, by key; smaller ones stay."""

BACKBONES: dict[str, dict[str, Any]] = dict(
    Darknet=dict(base_channels=128, out_indices=(1, 2, 3)),
    SSDVGG=dict(
        base_channels=256, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(1, 2)
    ),
)
"""Backbones without a setting for their width: the ResNet-18 that stands in, with their strides and widths."""

OF_CLASS: dict[str, dict[str, Any]] = dict(
    ResLayer=dict(depth=18, stage=1),  # its width follows from its stage: 64 channels in, 128 out
    HourglassNet=dict(stage_blocks=[1] * 6),
)
"""Settings of single classes."""

UNDIVIDED: dict[str, tuple[str, ...]] = dict(
    # 256 is written into their decoders, into DINO's in mmdet 3.3
    ConditionalDETR=('embed_dims', 'num_feats', 'out_channels'),
    DINO=('embed_dims', 'num_feats', 'out_channels'),
)
"""Widths that stay in detectors with this class."""

SIZE = 64
SIZES: dict[str, int] = dict(HourglassNet=128, SSDNeck=288)
"""Side of the images in pixels for detectors with this class; of all others ``SIZE``."""

METAS: dict[str, dict[str, Any]] = dict(CenterNetHead=dict(border=(0.0, 0.0, 0.0, 0.0)))
"""What images must know for detectors with this class, beside what ``PackDetInputs`` tells by default."""

STARTS: dict[str, dict[str, tuple[float, float]]] = dict(
    CenterNetHead={'wh_head.2.bias': (4.0, 6.0)},
    CenterNetUpdateHead={'conv_reg.bias': (1.0, 2.0)},
    RepPointsHead={'reppoints_pts_init_out.bias': (-3.0, 3.0)},
)
"""Biases, by class and name, of heads whose boxes have no area before training: the least and the greatest value."""

LIMITS: dict[str, tuple[str, str]] = dict(
    ScoreHLRSampler=('mmcv', '`nms_match` is in a compiled mmcv only'),
    GARPNHead=('', 'predicts one image at a time, by `masked_im2col` of a compiled mmcv'),
    GARetinaHead=('', 'predicts one image at a time, by `masked_im2col` of a compiled mmcv'),
    PAAHead=('sklearn', 'its loss needs scikit-learn'),
)
"""Why a detector with this class cannot do all: what lifts the limit (a compiled mmcv, a package), and the limit."""

FACTORS: dict[str, str] = dict(
    loss_centerness='centerness',
    loss_center='centerness',
    loss_iou='predicted IoU',
    loss_bbox_cls='confidence of its buckets',
)
"""Factors of a head's score, by the loss that trains them."""

PRODUCTS: dict[str, str] = dict.fromkeys(OBJECTNESS, 'class score x objectness')
"""Scores that are a product of which no factor knows the place, by the loss that trains one."""

NOTES: dict[str, str] = dict(
    CenterNetHead='weak views need the key `border`, as `RandomCenterCropPad` gives it',
    soft_nms='its `softnms` is in a compiled mmcv only: tried with `nms=dict(type="nms", ...)` in `test_cfg`',
    TOODHead='tried with `train_cfg.initial_epoch=0`, since a loop by iterations never leaves epoch 0 and its assigner',
)
"""What to know of a detector with this class."""


def words_of(words: Mapping[str, Word], types: Collection[str]) -> list[Word]:
    """The words for the classes that a detector has."""
    return [word for name, word in words.items() if name in types]
