"""RTMDet-l: as mmdet's rtmdet_l_8xb32-300e_coco."""

_base_ = './rtmdet_tiny.py'

model = dict(
    backbone=dict(deepen_factor=1, widen_factor=1),
    neck=dict(in_channels=[256, 512, 1024], out_channels=256, num_csp_blocks=3),
    bbox_head=dict(in_channels=256, feat_channels=256, exp_on_reg=True),
)
