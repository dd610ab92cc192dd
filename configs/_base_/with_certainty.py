"""CA, DT and RE of the paper for another method's config, by one line below a second base:

    _base_ = ['../soft_teacher/coco_partial.py', '../_base_/with_certainty.py']
    model = _base_.certain  # or _base_.by_class, DT and RE alone; docs/methods.md says what becomes of each method

`certain` is for Faster R-CNN with ResNet-50 and 80 classes.
"""

by_class = dict(balancer=dict(threshold_power=0.05, weight_power=0.6))
buckets = dict(
    _delete_=True,
    type='SideAwareBucketHead',
    in_channels=256,
    fc_out_channels=1024,
    roi_feat_size=7,
    num_classes=80,
    bbox_coder=dict(type='SideBucketCoder', num_buckets=30, scale_factor=1.7),
    loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
)
certain = dict(detector=dict(roi_head=dict(bbox_head=buckets)), **by_class)
