"""Instant-Teaching (Zhou et al., CVPR 2021): the network makes its own pseudo labels, with mixup and mosaic.

What differs from the core: no teacher (``SelfLabeler``); strong views are mixed with labeled images (the core's
mixers), whose shares are soft labels (``ClassWeightedRoIHead``), and have augmentations of their own. Co-rectify
trains two networks: ``CoRectifyDetector`` pools the boxes of both, re-scores all of them with each one's RoI head,
twice, and passes the results on as ``GivenLabels``. Details: ``configs/instant_teaching/README.md``.
"""

from mmssod.methods.instant_teaching.blurs import BoxBlur, MedianBlur
from mmssod.methods.instant_teaching.class_weighted_roi_head import ClassWeightedRoIHead
from mmssod.methods.instant_teaching.co_rectify_detector import CoRectifyDetector
from mmssod.methods.instant_teaching.compression import JPEGCompression
from mmssod.methods.instant_teaching.given_labels import GivenLabels
from mmssod.methods.instant_teaching.tones import (
    BrightnessContrast,
    ChannelShift,
    ChannelShuffle,
    HSVShift,
)

__all__ = [
    'BoxBlur',
    'BrightnessContrast',
    'ChannelShift',
    'ChannelShuffle',
    'ClassWeightedRoIHead',
    'CoRectifyDetector',
    'GivenLabels',
    'HSVShift',
    'JPEGCompression',
    'MedianBlur',
]
