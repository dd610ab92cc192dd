"""Detectors that take a training step in milliseconds, and batches for them: for tests and benchmarks."""

from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

CLASSES = ('circle', 'square', 'star')


def tiny_detector(head: str = 'bucket', num_classes: int = 3, num_buckets: int = 6) -> ConfigDict:
    """Config of a Faster R-CNN with a ResNet-18 of 8 channels.

    Args:
        head: ``'bucket'`` (fully connected), ``'side'`` (side-aware) or ``'plain'`` (box regression).
        num_classes: Number of classes.
        num_buckets: Buckets a side.
    """
    coder = dict(type='SideBucketCoder', num_buckets=num_buckets)
    heads = dict(
        bucket=dict(type='FCBucketHead', bbox_coder=coder),
        side=dict(type='SideAwareBucketHead', bbox_coder=coder),
        plain=dict(
            type='Shared2FCBBoxHead',
            bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2)),
            loss_bbox=dict(type='L1Loss', loss_weight=1.0),
        ),
    )
    shared = dict(
        in_channels=16,
        fc_out_channels=32,
        roi_feat_size=7,
        num_classes=num_classes,
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    )
    nms = dict(type='nms', iou_threshold=0.7)
    proposals = dict(nms_pre=100, max_per_img=50, nms=nms, min_bbox_size=0)
    return ConfigDict(
        type='FasterRCNN',
        data_preprocessor=dict(
            type='DetDataPreprocessor',
            mean=[127.0] * 3,
            std=[128.0] * 3,
            bgr_to_rgb=True,
            pad_size_divisor=32,
        ),
        backbone=dict(
            type='ResNet',
            depth=18,
            base_channels=8,
            num_stages=4,
            out_indices=(0, 1, 2, 3),
            norm_cfg=dict(type='BN', requires_grad=True),
            norm_eval=False,
        ),
        neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=5),
        rpn_head=dict(
            type='RPNHead',
            in_channels=16,
            feat_channels=16,
            anchor_generator=dict(
                type='AnchorGenerator',
                scales=[4],
                ratios=[0.5, 1.0, 2.0],
                strides=[4, 8, 16, 32, 64],
            ),
            bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
            loss_bbox=dict(type='L1Loss', loss_weight=1.0),
        ),
        roi_head=dict(
            type='CertaintyRoIHead',
            bbox_roi_extractor=dict(
                type='SingleRoIExtractor',
                roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=2),
                out_channels=16,
                featmap_strides=[4, 8, 16, 32],
                finest_scale=28,
            ),
            bbox_head=dict(**heads[head], **shared),
        ),
        train_cfg=dict(
            rpn=dict(
                assigner=assigner(0.7, 0.3, 0.3),
                sampler=sampler(64, 0.5, add_gt=False),
                allowed_border=-1,
                pos_weight=-1,
                debug=False,
            ),
            rpn_proposal=proposals,
            rcnn=dict(
                assigner=assigner(0.5, 0.5, 0.5),
                sampler=sampler(32, 0.25, add_gt=True),
                pos_weight=-1,
                debug=False,
            ),
        ),
        test_cfg=dict(
            rpn=proposals,
            rcnn=dict(score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=20),
        ),
    )


def assigner(positive: float, negative: float, least: float) -> dict[str, Any]:
    """Config of mmdet's IoU assigner."""
    return dict(
        type='MaxIoUAssigner',
        pos_iou_thr=positive,
        neg_iou_thr=negative,
        min_pos_iou=least,
        match_low_quality=least < positive,
        ignore_iof_thr=-1,
    )


def sampler(number: int, share: float, add_gt: bool) -> dict[str, Any]:
    """Config of mmdet's random sampler."""
    return dict(
        type='RandomSampler',
        num=number,
        pos_fraction=share,
        neg_pos_ub=-1,
        add_gt_as_proposals=add_gt,
    )


def tiny_semi(
    head: str = 'bucket', labeler: str | dict = 'FrozenTeacher', **slots: Any
) -> ConfigDict:
    """Config of a :class:`PseudoLabelDetector` around the tiny detector; slots given replace the neutral ones."""
    detector = tiny_detector(head)
    config = ConfigDict(
        type='PseudoLabelDetector',
        detector=detector,
        labeler=dict(type=labeler) if isinstance(labeler, str) else labeler,
        merger=dict(type='KeepCandidates'),
        selector=dict(type='ThresholdSelector', certainty='p'),
        balancer=dict(type='ClassBalancer', threshold=0.3),
        mixer=dict(type='KeepImages'),
        data_preprocessor=dict(
            type='MultiBranchDataPreprocessor', data_preprocessor=detector['data_preprocessor']
        ),
    )
    return ConfigDict(config, **slots)


def tiny_sample(
    image_id: int = 0, boxes: int = 2, size: int = 64, flip: bool = False
) -> DetDataSample:
    """A sample of a square image with some boxes of different classes.

    Args:
        image_id: Image id.
        boxes: How many boxes, at most 4.
        size: Height and width in pixels.
        flip: Whether this view is mirrored (its homography says so).
    """
    corners = torch.tensor([[4.0, 4, 30, 28], [30, 20, 60, 50], [10, 34, 28, 60], [40, 2, 62, 18]])
    matrix = torch.eye(3).numpy()
    if flip:
        matrix[0] = [-1, 0, size]
    sample = DetDataSample(
        metainfo=dict(
            img_id=image_id,
            img_path=f'{image_id}.jpg',
            img_shape=(size, size),
            ori_shape=(size, size),
            pad_shape=(size, size),
            batch_input_shape=(size, size),
            scale_factor=(1.0, 1.0),
            homography_matrix=matrix,
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=corners[:boxes] * size / 64, labels=torch.arange(boxes) % len(CLASSES)
    )
    return sample


def tiny_batch(labeled: int = 2, unlabeled: int = 2, size: int = 64) -> tuple[dict, dict]:
    """Inputs and samples of the three branches; the strong view is the mirrored weak one, brightened."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(labeled + unlabeled, 3, size, size, generator=generator)
    weak = images[labeled:]
    inputs = dict(labeled=images[:labeled], weak=weak, strong=weak.flip(-1) * 1.1)
    ids = range(labeled, labeled + unlabeled)
    samples = dict(
        labeled=[tiny_sample(i, size=size) for i in range(labeled)],
        weak=[tiny_sample(i, boxes=0, size=size) for i in ids],
        strong=[tiny_sample(i, boxes=0, size=size, flip=True) for i in ids],
    )
    return inputs, samples
