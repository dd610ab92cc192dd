"""What a student takes instead of its frozen teacher: weak views of which nobody looks at the pixels.

Beside it, an heir writes `model = dict(labeler=dict(type='LabelBank', path=...))` (docs/label_bank.md).
"""

unseen_weak_views = dict(
    dataset=dict(unlabeled=dict(pipeline=dict(views=dict(weak=dict(type='UnseenSteps')))))
)
