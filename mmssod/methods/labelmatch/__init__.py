"""LabelMatch (Chen et al., CVPR 2022): thresholds that match the class distribution of the labeled set.

What differs from the core: the thresholds are ``MatchingBalancer``'s, at which a class has as many pseudo boxes per
image as labels. Of these boxes ``LabelMatchDetector`` treats the most certain fifth as true; proposals on the others
are trained with the teacher's scores of the proposal, and a box on which its proposals agree counts as true, too.
Details: ``configs/labelmatch/README.md``.
"""

from mmssod.methods.labelmatch.labelmatch_detector import LabelMatchDetector

__all__ = ['LabelMatchDetector']
