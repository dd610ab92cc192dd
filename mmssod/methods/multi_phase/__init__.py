"""Multi-Phase learning (Wang et al., CVPR 2021): three plain trainings, with labels made between them.

What differs from the core: nothing happens in the step. ``labels.py`` makes labels offline, easy ones first;
``running.py`` trains phase after phase (``tools/multi_phase.py``); ``PoolSampler`` repeats the labeled images;
``OverlapWeightedRoIHead`` trusts a pseudo box the less, the less a RoI overlaps it, on images that
``MarkPseudoLabeled`` has marked; ``WBFEnsemble`` answers for all three phases. ``configs/multi_phase/README.md`` tells
the rest.
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
