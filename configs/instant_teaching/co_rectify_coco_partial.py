"""Instant-Teaching with co-rectify on 1, 2, 5 or 10 % of COCO: Table 2, second row "Instant-Teaching".

As the paper prints it, marked as a model ensemble: 18.05 / 22.45 / 26.75 / 30.40 AP; not run here: needs COCO and 8
GPUs. Two networks of different initialization, each with views of its own to learn from; the first is
tested. The rest is coco_partial.py.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/instant_teaching/co_rectify_coco_partial.py 8
"""

_base_ = './coco_partial.py'

work_dir = 'work_dirs/co_rectify_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
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
