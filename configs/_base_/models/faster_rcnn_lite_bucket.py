"""The lite detector with buckets: fully connected head, K = 8, since boxes of 48 px give buckets of 5 px then."""

_base_ = './faster_rcnn_lite.py'

model = dict(
    roi_head=dict(
        bbox_head=dict(
            _delete_=True,
            type='FCBucketHead',
            in_channels=64,
            fc_out_channels=256,
            roi_feat_size=7,
            num_classes=80,
            bbox_coder=dict(type='SideBucketCoder', num_buckets=8, scale_factor=1.7),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
        )
    )
)
