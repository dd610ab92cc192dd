"""Unbiased Teacher (Liu et al., ICLR 2021): a teacher after a burn-in, focal loss, no box loss from pseudo labels.

What differs from the core is a setting of it, but for one part: ``SoftmaxFocalLoss`` as the RoI head's classification
loss. Burn-in and average are ``EMATeacherHook``'s; pseudo boxes train classification alone (weights of 0 for the box
losses in ``model.unsup_loss_weights``). ``configs/unbiased_teacher/README.md`` tells the rest.
"""

from mmssod.methods.unbiased_teacher.softmax_focal_loss import SoftmaxFocalLoss, softmax_focal_loss

__all__ = [
    'SoftmaxFocalLoss',
    'softmax_focal_loss',
]
