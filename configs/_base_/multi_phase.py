"""Multi-Phase: how the labels of a phase are made, and how the three detectors answer as one.

All numbers are the source's (Wang et al., 2021, public code). Each phase labels at several sizes and both flips, which
a config chooses by its `tta_pipeline`.
"""

multi_phase = dict(grid=(0.1, 1.0, 0.01), easiest=0.5, agreement_iou=0.5, nms_iou=0.3)
fusion = dict(type='WBFEnsemble', weights=(0.7, 1.0, 1.7), iou_threshold=0.6)

load_label_view = [dict(type='LoadWholeImage'), dict(type='LoadAnnotations', with_bbox=True)]
flip_and_pack = [
    [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)],
    [
        dict(
            type='PackDetInputs',
            meta_keys=(
                'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction',
            ),
        )
    ],
]  # fmt: skip
