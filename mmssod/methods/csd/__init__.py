"""CSD (Jeong et al., NeurIPS 2019): consistent predictions for an image and its mirror image.

What differs from the core: no teacher and no pseudo labels. ``ConsistencyDetector`` is a step of its own around the
detector: it runs RPN and RoI head on labeled and unlabeled images and on their mirror images, and adds two losses,
between class distributions and between boxes, of RoIs that are not background. ``ConsistencyRampHook`` raises and
lowers their weight over the training. Details: ``configs/csd/README.md``.
"""

from mmssod.methods.csd.consistency_detector import ConsistencyDetector
from mmssod.methods.csd.consistency_ramp_hook import ConsistencyRampHook

__all__ = [
    'ConsistencyDetector',
    'ConsistencyRampHook',
]
