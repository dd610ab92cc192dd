"""Semi-DETR (Zhang et al., CVPR 2023): a mean teacher over DINO in two stages.

What differs from the core: the student is a DINO (``QueryDINO``) whose head (``HybridDINOHead``) matches many queries
to a box in the first stage and one in the second (``HybridAssigner``, ``MatchingStageHook``). In the first stage
``SemiDETRDetector`` mines candidates that are cheap to match, and lets queries that begin with the teacher's features
of a box (``QueryTeacher``) agree between both views. Details: ``configs/semi_detr/README.md``.
"""

from mmssod.methods.semi_detr.hybrid_head import HybridAssigner, HybridClassLoss, HybridDINOHead
from mmssod.methods.semi_detr.matching_stage_hook import MatchingStageHook
from mmssod.methods.semi_detr.query_dino import QueryDINO
from mmssod.methods.semi_detr.query_teacher import QueryTeacher
from mmssod.methods.semi_detr.semi_detr_detector import SemiDETRDetector

__all__ = [
    'HybridAssigner',
    'HybridClassLoss',
    'HybridDINOHead',
    'MatchingStageHook',
    'QueryDINO',
    'QueryTeacher',
    'SemiDETRDetector',
]
