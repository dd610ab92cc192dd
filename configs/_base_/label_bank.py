"""What a student takes instead of its frozen teacher: weak views without pixels, which are not needed.

A config that uses it adds `model = dict(labeler=dict(type='LabelBank', path=...))` (docs/label_bank.md).
"""

unseen_weak_views = dict(
    dataset=dict(unlabeled=dict(pipeline=dict(views=dict(weak=dict(type='UnseenSteps')))))
)
