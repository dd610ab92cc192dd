"""ISMT: a mean teacher for each of two RoI heads, each of which labels for the other, and a memory of pseudo labels.

No public code exists, and the sources at hand give no number: threshold, weight of the unsupervised losses (1),
overlap of the memory's NMS, decay, and size and share of DropBlock are ours.
"""

_base_ = './semi.py'

# What the detector's RoI head has otherwise than a plain one. DropBlock is of each head its own.
dual_head = dict(
    type='DualRoIHead',
    shared_head=dict(type='DropBlock', drop_prob=0.1, block_size=3, warmup_iters=0),
)
semi = dict(
    labeler=dict(type='DualTeacher'),
    merger=dict(type='PseudoLabelMemory', iou_threshold=0.5, score_thr=0.5, max_per_img=200),
    balancer=dict(threshold=0.7),
)
ema_teacher = dict(type='EMATeacherHook', ema_decay=0.999)  # each config adds its `burn_in`
