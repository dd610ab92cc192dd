"""Unlabeled images in one view, `weak`, resized and perhaps flipped: for methods that need no second one."""

one_view_branches = ['labeled', 'weak']
one_view_loader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(branch=dict(branch_field=one_view_branches))),
        unlabeled=dict(
            pipeline=dict(
                views=dict(
                    _delete_=True,
                    type='MultiBranch',
                    branch_field=one_view_branches,
                    weak=dict(
                        type='Steps',
                        flip=dict(type='RandomFlip', prob=0.5),
                        pack=dict(type='PackDetInputs'),
                    ),
                )
            )
        ),
    )
)
