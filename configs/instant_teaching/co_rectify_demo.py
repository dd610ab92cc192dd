"""Instant-Teaching with co-rectify at demo scale: demo.py with two networks, of which the first is tested.

tools/train.py configs/instant_teaching/co_rectify_demo.py
"""

_base_ = './demo.py'

work_dir = 'work_dirs/demo/co_rectify'
model = dict(type='CoRectifyDetector', labeler=dict(type='GivenLabels'))
branches = [*_base_.branches, 'second_labeled', 'second_strong']
labeled_view = dict(
    type='Steps', resize=_base_.random_size, flip=_base_.labeled_steps.flip, pack=_base_.pack
)
labeled = dict(
    _delete_=True,
    load=_base_.labeled_steps.load,
    annotations=_base_.labeled_steps.annotations,
    branch=dict(
        type='MultiBranch',
        branch_field=branches,
        labeled=labeled_view,
        second_labeled=labeled_view,
    ),
)
views = dict(branch_field=branches, second_strong=_base_.views.strong)
train_dataloader = dict(
    dataset=dict(labeled=dict(pipeline=labeled), unlabeled=dict(pipeline=dict(views=views)))
)
