"""The lite RetinaNet with Consistent-Teacher's head; anchors are as small as the lite one's."""

_base_ = './retinanet_lite.py'

model = dict(
    bbox_head=dict(
        _delete_=True,
        type='FAM3DHead',
        num_classes=80,
        in_channels=64,
        stacked_convs=2,
        feat_channels=64,
        anchor_scale=6.0,  # mmdet's 8 times 3 / 4, as in the lite RetinaNet
        norm_cfg=dict(type='GN', num_groups=8, requires_grad=True),
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32, 64, 128]),
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='LabelFocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    ),
    train_cfg=dict(
        _delete_=True,
        assigner=dict(type='AdaptiveAssigner', topk=13, iou_weight=2.0),
        allowed_border=-1,
        pos_weight=-1,
        debug=False,
    ),
    test_cfg=dict(nms=dict(iou_threshold=0.6)),
)
