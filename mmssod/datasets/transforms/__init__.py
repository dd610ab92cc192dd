"""The strong augmentation of the unlabeled branch: colors and erasing.

The values are those of Unbiased Teacher's public code, which the paper's field shares, and they are
the transforms' defaults. An unlabeled pipeline that decodes and resizes an image once for both
views, each step with a name so that a config changes one number of one step::

    branches = ['labeled', 'weak', 'strong']
    pack = dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip',
                   'flip_direction', 'homography_matrix'))
    weak = dict(type='Steps', flip=dict(type='RandomFlip', prob=0.5), pack=pack)
    strong = dict(
        type='Steps',
        flip=dict(type='RandomFlip', prob=0.5),
        # brightness, contrast, saturation 0.4, hue 0.1, in random order; p 0.8
        color=dict(type='ColorJitter'),
        # p 0.2
        gray=dict(type='StrongGrayscale'),
        # sigma 0.1 - 2 px; p 0.5
        blur=dict(type='GaussianBlur'),
        # three passes of StrongErasing: p 0.7, 0.5, 0.3, up to 20 % of the image each
        cutout=dict(type='StrongCutout'),
        pack=pack)
    unlabeled_pipeline = dict(
        load=dict(type='LoadWholeImage'),
        resize=dict(type='Resize', scale=(1333, 800), keep_ratio=True),
        views=dict(type='MultiBranch', branch_field=branches, weak=weak, strong=strong))

Lists of transforms, as everywhere in MMDetection, do as well. Steps without a class of their own
here, such as other erasing passes, are ``StrongErasing`` with its numbers. STAC's view has geometry besides,
``StrongAffine``, and a Cutout of its own, ``StrongSquares``.

Instant-Teaching has others: ``BrightnessContrast``, ``ChannelShift`` or ``HSVShift``, ``JPEGCompression``,
``ChannelShuffle``, ``BoxBlur`` or ``MedianBlur`` (``configs/_base_/instant_teaching.py``).

Soft Teacher's and STAC's color operations are mmdet's own: ``FastAutoContrast``, ``FastEqualize`` and others are
subclasses that give the same pixels in a fraction of the time (``fast_colors``).

What all of them share (``StrongAffine`` moves boxes and has a file of its own about it):

* They read and replace ``results['img']``: (H, W, 3) uint8, channels B G R, as mmcv loads it; boxes
  do not move, so nothing else in ``results`` changes. The array that came in is left as it was.
* ``prob=0`` switches a transform off exactly: the same array goes out.
* Randomness comes from numpy's global generator alone, which ``SemiDataset`` seeds per sample.
* The names stay clear of those that mmcv and mmdet register (``RandomGrayscale``,
  ``RandomErasing``, ``CutOut``).
* Pixels are computed by OpenCV: it follows the same formulas as torchvision on PIL images, at a
  tenth of the time.
"""

from mmssod.datasets.transforms.blur import GaussianBlur
from mmssod.datasets.transforms.color import ColorJitter, StrongGrayscale
from mmssod.datasets.transforms.cutout import StrongCutout
from mmssod.datasets.transforms.erasing import StrongErasing
from mmssod.datasets.transforms.fast_colors import (
    FastAutoContrast,
    FastBrightness,
    FastColor,
    FastContrast,
    FastEqualize,
    FastSharpness,
    FastSolarize,
)
from mmssod.datasets.transforms.loading import LoadWholeImage
from mmssod.datasets.transforms.steps import Steps
from mmssod.datasets.transforms.unseen import UnseenSteps

__all__ = [
    'ColorJitter',
    'FastAutoContrast',
    'FastBrightness',
    'FastColor',
    'FastContrast',
    'FastEqualize',
    'FastSharpness',
    'FastSolarize',
    'GaussianBlur',
    'LoadWholeImage',
    'Steps',
    'StrongCutout',
    'StrongErasing',
    'StrongGrayscale',
    'UnseenSteps',
]
