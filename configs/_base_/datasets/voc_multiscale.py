"""VOC with the short side of training images drawn from 640 to 800."""

_base_ = './voc.py'

random_resize = dict(
    _delete_=True, type='RandomResize', scale=[(1333, 640), (1333, 800)], keep_ratio=True
)
steps = dict(pipeline=dict(resize=random_resize))

train_dataloader = dict(dataset=dict(labeled=steps))
semi_train_dataloader = dict(dataset=dict(labeled=steps, unlabeled=steps))
