"""Faster R-CNN for CPUs: EfficientNet-Lite0, an FPN of 64 channels, small heads, images of about 256 px."""

_base_ = './faster_rcnn_r50_fpn.py'

model = dict(
    data_preprocessor=dict(mean=[127.0, 127.0, 127.0], std=[128.0, 128.0, 128.0], bgr_to_rgb=True),
    backbone=dict(_delete_=True, type='EfficientNetLite', pretrained=True, norm_eval=True),
    neck=dict(in_channels=[24, 40, 112, 320], out_channels=64),
    rpn_head=dict(in_channels=64, feat_channels=64, anchor_generator=dict(scales=[4])),
    roi_head=dict(
        # finest_scale 28: the images are about a third of COCO's size, and so are their boxes.
        bbox_roi_extractor=dict(out_channels=64, finest_scale=28, roi_layer=dict(sampling_ratio=2)),
        bbox_head=dict(in_channels=64, fc_out_channels=256),
    ),
    # RoIs are half the cost of a step on a CPU: few proposals, and 64 RoIs per image as in STAC.
    train_cfg=dict(
        rpn=dict(
            # mmdet's low-quality matches, with which all figures in docs/results were measured.
            assigner=dict(type='MaxIoUAssigner', min_pos_iou=0.3),
            sampler=dict(num=128),
        ),
        rpn_proposal=dict(nms_pre=250, max_per_img=100),
        rcnn=dict(sampler=dict(num=64)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=200)),
)
