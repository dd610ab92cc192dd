"""Unbiased Teacher (Liu et al., ICLR 2021): what its recipes have in common. Values: its public code."""

unbiased_teacher = dict(
    detector=dict(
        roi_head=dict(
            bbox_head=dict(loss_cls=dict(_delete_=True, type='SoftmaxFocalLoss', gamma=1.5))
        ),
        train_cfg=dict(rpn=dict(sampler=dict(pos_fraction=0.25))),
        # The source's teacher labels in train mode, with proposals as the student's.
        test_cfg=dict(rpn=dict(nms_pre=2000)),
    ),
    labeler=dict(type='EMATeacher'),
    selector=dict(certainty='p'),
    balancer=dict(threshold=0.7),
    unsup_weight=4.0,
    # A class score says nothing of how well a box is placed: no regression from pseudo boxes.
    unsup_loss_weights=dict(loss_rpn_cls=1.0, loss_rpn_bbox=0.0, loss_cls=1.0, loss_bbox=0.0),
    empty_images='background',
    predict_with='teacher',
)
short_edges = dict(
    _delete_=True,
    type='RandomChoiceResize',
    scales=[(1333, side) for side in (640, 672, 704, 736, 768, 800)],
    keep_ratio=True,
)
# Detectron2's warm-up, then one rate to the end.
constant_rate = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=1000)]
