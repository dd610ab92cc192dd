"""Instant-Teaching at demo scale.

Other values than the method's, for scale: 800 iterations, as a demo's teacher and student have together, since labels
come from the network itself; image sizes are a fifth; batch, optimizer and its gradient clipping are the demo's.

    tools/train.py configs/instant_teaching/demo.py
"""

_base_ = ['../demo/student_plain.py', '../_base_/instant_teaching.py']

work_dir = 'work_dirs/demo/instant_teaching'
load_from = None
train_cfg = dict(max_iters=800, val_interval=800)

model = _base_.instant_teaching
random_size = dict(_base_.multi_scale, scale=[(205, 100), (205, 160)])
views = dict(
    type='MultiBranch',
    branch_field=_base_.branches,
    weak=dict(type='Steps', resize=random_size, flip=_base_.labeled_steps.flip, pack=_base_.pack),
    strong=dict(type='Steps', resize=random_size, **_base_.instant_strong, pack=_base_.pack),
)
unlabeled = dict(_delete_=True, load=_base_.labeled_steps.load, views=views)
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=dict(_delete_=True, **random_size))),
        unlabeled=dict(pipeline=unlabeled),
    )
)
