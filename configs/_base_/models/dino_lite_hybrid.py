"""The lite DINO with Semi-DETR's two stages of matching, of the r50's values."""

_base_ = './dino_lite.py'

model = dict(
    type='QueryDINO',
    bbox_head=dict(
        type='HybridDINOHead',
        loss_cls=dict(type='HybridClassLoss', loss_weight=2.0),
        loss_bbox=dict(loss_weight=10.0),
    ),
    train_cfg=dict(assigner=dict(type='HybridAssigner', topk=13, alpha=1.0, beta=6.0)),
)
