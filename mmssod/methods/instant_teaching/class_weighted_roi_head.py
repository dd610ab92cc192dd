"""RoI head in which weights of boxes are soft targets of their classes."""

from mmdet.registry import MODELS

from mmssod.models.roi_heads import CertaintyRoIHead


@MODELS.register_module()
class ClassWeightedRoIHead(CertaintyRoIHead):
    """A :class:`CertaintyRoIHead` whose box weights apply only to the classification loss.

    The cross-entropy of a target that is ``s`` at a class and 0 elsewhere is ``s`` times that of the hard target, so a
    box of weight ``s`` has a soft label; where it lies is as certain as for any other box.

    Source: the soft labels of mixed images in the public code of Instant-Teaching, 2021.
    """

    weighs_location = False
