"""Labeled and unlabeled images, the sampler that mixes them, and the strong augmentation."""

from mmssod.datasets.aspect import aspect_ratios
from mmssod.datasets.labeled import LabeledDataset
from mmssod.datasets.resampling_sampler import ResamplingSampler
from mmssod.datasets.sample_key import SampleKey, seeded
from mmssod.datasets.samplers import SourceSampler
from mmssod.datasets.semi import SemiDataset
from mmssod.datasets.transforms import (
    ColorJitter,
    GaussianBlur,
    StrongErasing,
    StrongGrayscale,
)
from mmssod.datasets.unlabeled import UnlabeledDataset

__all__ = [
    'ColorJitter',
    'GaussianBlur',
    'LabeledDataset',
    'ResamplingSampler',
    'SampleKey',
    'SemiDataset',
    'SourceSampler',
    'StrongErasing',
    'StrongGrayscale',
    'UnlabeledDataset',
    'aspect_ratios',
    'seeded',
]
