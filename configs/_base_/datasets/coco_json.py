"""Any data set in COCO's format: loaders and evaluators; the files beside this one say where the data are.

`train_dataloader` is for labeled images alone (teachers, supervised training); `semi_train_dataloader` is for
labeled and unlabeled ones, and a student's config takes it in its place. Pipelines are dicts of named steps, so that
an ablation changes one number of one step.
"""

backend_args = None
branches = ['labeled', 'weak', 'strong']
pack = dict(
    type='PackDetInputs',
    meta_keys=(
        'img_id',
        'img_path',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'flip',
        'flip_direction',
        'homography_matrix',
    ),
)

labeled = dict(
    type='LabeledDataset',
    iscrowd='background',  # COCO's crowds, as in Detectron2; or 'object', 'ignored' (see LabeledDataset)
    data_root='',
    ann_file='',
    data_prefix=dict(img=''),
    filter_cfg=dict(filter_empty_gt=True, min_size=1),
    backend_args=backend_args,
)
labeled_steps = dict(
    load=dict(type='LoadWholeImage', backend_args=backend_args),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    resize=dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    flip=dict(type='RandomFlip', prob=0.5),
)
strong_steps = dict(
    color=dict(type='ColorJitter', prob=0.8),
    gray=dict(type='StrongGrayscale', prob=0.2),
    blur=dict(type='GaussianBlur', prob=0.5),
    # Cutout is three passes; `cutout.prob` scales the probabilities of all three.
    cutout=dict(type='StrongCutout', prob=1.0),
)
# The last step of labeled images where a method shows them in the strong view, too.
all_branches = [*branches, 'labeled_strong']
labeled_branches = dict(
    type='MultiBranch',
    branch_field=all_branches,
    labeled=pack,
    labeled_strong=dict(type='Steps', **strong_steps, pack=pack),
)

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='SourceSampler', counts=dict(labeled=2)),
    dataset=dict(
        type='SemiDataset', labeled=dict(pipeline=dict(**labeled_steps, pack=pack), **labeled)
    ),
)

semi_train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='SourceSampler', counts=dict(labeled=1, unlabeled=1)),
    dataset=dict(
        type='SemiDataset',
        labeled=dict(
            pipeline=dict(
                **labeled_steps,
                branch=dict(type='MultiBranch', branch_field=branches, labeled=pack),
            ),
            **labeled,
        ),
        unlabeled=dict(
            type='UnlabeledDataset',
            images='',
            data_root='',
            data_prefix=dict(img=''),
            backend_args=backend_args,
            # One decode and one resize for both views; after them, the views differ by flip and strong augmentation.
            pipeline=dict(
                load=dict(type='LoadWholeImage', backend_args=backend_args),
                resize=dict(type='Resize', scale=(1333, 800), keep_ratio=True),
                views=dict(
                    type='MultiBranch',
                    branch_field=branches,
                    weak=dict(type='Steps', flip=dict(type='RandomFlip', prob=0.5), pack=pack),
                    strong=dict(
                        type='Steps',
                        flip=dict(type='RandomFlip', prob=0.5),
                        **strong_steps,
                        pack=pack,
                    ),
                ),
            ),
        ),
    ),
)

test_steps = dict(
    load=dict(type='LoadWholeImage', backend_args=backend_args),
    resize=dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    annotations=dict(type='LoadAnnotations', with_bbox=True),
    pack=dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
)
# A list, as mmdet's tools expect; a config for another size makes it again from `test_steps`.
test_pipeline = list(test_steps.values())
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CocoDataset',
        data_root='',
        ann_file='',
        data_prefix=dict(img=''),
        test_mode=True,
        pipeline=test_pipeline,
        backend_args=backend_args,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoBoxMetric', ann_file='', metric='bbox', backend_args=backend_args)
test_evaluator = val_evaluator
