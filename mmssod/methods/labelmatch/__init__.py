"""LabelMatch (Chen et al., CVPR 2022): thresholds that match the class distribution of the labeled set.

What differs from the core: the thresholds are ``MatchingBalancer``'s, at which a class has as many pseudo boxes an
image as labels. Of these boxes ``LabelMatchDetector`` takes the most certain fifth for true; proposals on the others
learn what the teacher says of the proposal itself, and a box on which its proposals agree is taken for true, too.
``configs/labelmatch/README.md`` tells the rest.
"""

from mmssod.methods.labelmatch.labelmatch_detector import LabelMatchDetector

__all__ = ['LabelMatchDetector']
