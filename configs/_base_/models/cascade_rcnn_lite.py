"""Cascade R-CNN on the lite backbone: three stages of box regression at IoU 0.5, 0.6 and 0.7, as in mmdet."""

_base_ = './faster_rcnn_lite.py'

stages = [
    dict(iou=0.5, stds=(0.1, 0.1, 0.2, 0.2)),
    dict(iou=0.6, stds=(0.05, 0.05, 0.1, 0.1)),
    dict(iou=0.7, stds=(0.033, 0.033, 0.067, 0.067)),
]
model = dict(
    type='CascadeRCNN',
    roi_head=dict(
        type='CertaintyCascadeRoIHead',
        num_stages=3,
        stage_loss_weights=[1, 0.5, 0.25],
        bbox_head=[
            dict(
                type='Shared2FCBBoxHead',
                in_channels=64,
                fc_out_channels=256,
                roi_feat_size=7,
                num_classes=80,
                bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=stage['stds']),
                reg_class_agnostic=True,
                loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
                loss_bbox=dict(type='SmoothL1Loss', beta=1.0, loss_weight=1.0),
            )
            for stage in stages
        ],
    ),
    train_cfg=dict(
        rcnn=[
            dict(
                assigner=dict(
                    type='MaxIoUAssigner',
                    pos_iou_thr=stage['iou'],
                    neg_iou_thr=stage['iou'],
                    min_pos_iou=stage['iou'],
                    match_low_quality=False,
                    ignore_iof_thr=-1,
                ),
                sampler=dict(
                    type='RandomSampler',
                    num=64,
                    pos_fraction=0.25,
                    neg_pos_ub=-1,
                    add_gt_as_proposals=True,
                ),
                pos_weight=-1,
                debug=False,
            )
            for stage in stages
        ],
    ),
)
