"""MixPL (Chen et al., 2023): pseudo-labeled images are mixed by mixup and mosaic.

What differs from the core: ``MixPLDetector`` remembers its last strong views with their labels. Each strong view is
laid over one of them (pseudo-mixup), and four of them side by side are a second unsupervised batch (pseudo-mosaic);
patches of all are erased. ``ViewMemoryHook`` puts the memory into checkpoints. Labeled images of rare classes and with
large objects are drawn more often by the core's ``ResamplingSampler``. Details: ``configs/mixpl/README.md``.
"""

from mmssod.methods.mixpl.mixpl_detector import MixPLDetector
from mmssod.methods.mixpl.view_memory_hook import ViewMemoryHook

__all__ = [
    'MixPLDetector',
    'ViewMemoryHook',
]
