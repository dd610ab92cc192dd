"""ISMT (Yang et al., CVPR 2021): two heads that teach each other, and a memory of pseudo labels.

What differs from the core: ``DualRoIHead`` holds two RoI heads on one backbone; ``DualTeacher`` has the mean teacher of
each, and a head learns from the other's. Their labels say which head made them (``HeadLabels``). ``PseudoLabelMemory``
merges the detections in an image with those found in it before. A plain detector is trained on what the memory
holds at the end (``export.py``, ``tools/label_from_memory.py``). Details: ``configs/ismt/README.md``.
"""

from mmssod.methods.ismt.dual_roi_head import DualRoIHead
from mmssod.methods.ismt.dual_teacher import DualTeacher
from mmssod.methods.ismt.head_labels import HeadLabels
from mmssod.methods.ismt.memory import PseudoLabelMemory

__all__ = [
    'DualRoIHead',
    'DualTeacher',
    'HeadLabels',
    'PseudoLabelMemory',
]
