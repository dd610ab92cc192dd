"""Unbiased Teacher (Liu et al., ICLR 2021): a teacher after a burn-in, focal loss, no box loss from pseudo labels.

Uses the core with other settings and one part of its own: ``SoftmaxFocalLoss`` as the RoI head's classification
loss. Burn-in and average are ``EMATeacherHook``'s; pseudo boxes train classification alone (weights of 0 for the box
losses in ``model.unsup_loss_weights``). Details: ``configs/unbiased_teacher/README.md``.
"""

from mmssod.methods.unbiased_teacher.softmax_focal_loss import SoftmaxFocalLoss, softmax_focal_loss

__all__ = [
    'SoftmaxFocalLoss',
    'softmax_focal_loss',
]
