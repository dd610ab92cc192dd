"""STAC at demo scale. The teacher is configs/demo/teacher_plain.py; the student starts from ImageNet, not from it.

Other values than the method's, for scale: short edges are a fifth, and batch, optimizer and schedule are the demo's.

    tools/train.py configs/demo/teacher_plain.py
    tools/train.py configs/stac/demo.py
"""

_base_ = ['../demo/student_plain.py', '../_base_/stac.py']

work_dir = 'work_dirs/stac_demo'
load_from = None
teacher = 'work_dirs/demo/teacher_plain/iter_400.pth'
model = dict(detector=_base_.stac_detector, labeler=dict(checkpoint=teacher), **_base_.stac)
short_edge = dict(_base_.short_edge, scale=[(267, 100), (267, 160)])
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=dict(_delete_=True, **short_edge))),
        unlabeled=dict(
            pipeline=dict(
                _delete_=True,
                load=_base_.labeled_steps.load,
                views=dict(
                    type='MultiBranch',
                    branch_field=_base_.branches,
                    weak=dict(type='Steps', resize=_base_.file_size, pack=_base_.pack),
                    strong=dict(
                        type='Steps',
                        resize=short_edge,
                        **_base_.stac_steps,
                        pack=_base_.pack,
                    ),
                ),
            )
        ),
    )
)
