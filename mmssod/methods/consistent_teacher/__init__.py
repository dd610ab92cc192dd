"""Consistent-Teacher (Wang et al., CVPR 2023): pseudo labels that stay consistent during training.

What differs from the core: the balancer is a mixture of two Gaussians over each class's recent certainties
(``MixtureBalancer``, for any detector), of the candidates that ``KeepExpected`` leaves; the student is a RetinaNet
that assigns boxes by predicted costs (``AdaptiveAssigner``) and samples its boxes at other places and levels
(``FAM3DHead``). Details: ``configs/consistent_teacher/README.md``.
"""

from mmssod.methods.consistent_teacher.adaptive_assigner import AdaptiveAssigner
from mmssod.methods.consistent_teacher.fam3d_head import FAM3DHead, LabelFocalLoss
from mmssod.methods.consistent_teacher.keep_expected import KeepExpected
from mmssod.methods.consistent_teacher.mixture_balancer import MixtureBalancer

__all__ = ['AdaptiveAssigner', 'FAM3DHead', 'KeepExpected', 'LabelFocalLoss', 'MixtureBalancer']
