"""VOC with the short side of training images drawn from 640 to 800, of test images 800 (the paper does not say)."""

_base_ = './voc.py'

random_resize = dict(
    _delete_=True, type='RandomResize', scale=[(1333, 640), (1333, 800)], keep_ratio=True
)
steps = dict(pipeline=dict(resize=random_resize))

train_dataloader = dict(dataset=dict(labeled=steps))
semi_train_dataloader = dict(dataset=dict(labeled=steps, unlabeled=steps))
test_resize = dict(type='Resize', scale=(1333, 800), keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
