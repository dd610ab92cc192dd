"""Multi-Phase learning (Wang et al., CVPR 2021): three plain trainings, with labels made between them.

What differs from the core: the training step is unchanged. ``labels.py`` makes labels offline, easy ones first;
``running.py`` trains phase after phase (``tools/multi_phase.py``); ``PoolSampler`` repeats the labeled images;
``OverlapWeightedRoIHead`` weights pseudo boxes by their IoU with the RoI, on images that
``MarkPseudoLabeled`` has marked; ``WBFEnsemble`` combines the detectors of all three phases. Details:
``configs/multi_phase/README.md``.
"""

from mmssod.methods.multi_phase.mark import MarkPseudoLabeled
from mmssod.methods.multi_phase.overlap_weighted_roi_head import OverlapWeightedRoIHead
from mmssod.methods.multi_phase.pool_sampler import PoolSampler
from mmssod.methods.multi_phase.wbf_ensemble import WBFEnsemble

__all__ = [
    'MarkPseudoLabeled',
    'OverlapWeightedRoIHead',
    'PoolSampler',
    'WBFEnsemble',
]
