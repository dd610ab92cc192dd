"""The same with the paper's localization, K = 30 buckets a side; the head is ours, since the paper names none."""

_base_ = './faster_rcnn_r50_fpn.py'

model = dict(
    roi_head=dict(
        bbox_head=dict(
            _delete_=True,
            type='SideAwareBucketHead',
            in_channels=256,
            fc_out_channels=1024,
            roi_feat_size=7,
            num_classes=80,
            bbox_coder=dict(type='SideBucketCoder', num_buckets=30, scale_factor=1.7),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
        )
    )
)
