"""The teacher of the demo with Cascade R-CNN.

tools/train.py configs/demo/teacher_cascade.py
"""

_base_ = [
    '../_base_/models/cascade_rcnn_lite.py',
    '../_base_/datasets/demo.py',
    '../_base_/adamw_lite.py',
    '../_base_/default_runtime.py',
]

train_cfg = dict(max_iters=400, val_interval=400)
model = dict(
    roi_head=dict(bbox_head=[{**h, 'num_classes': 10} for h in _base_.model.roi_head.bbox_head])
)
default_hooks = dict(checkpoint=dict(interval=200))
work_dir = 'work_dirs/demo/teacher_cascade'
