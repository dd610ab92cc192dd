"""The aquarium of aquarium.py at 320 px, for YOLOX-Nano."""

_base_ = './aquarium.py'

scale = (320, 320)
resize = dict(pipeline=dict(resize=dict(scale=scale)))
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())

train_dataloader = dict(dataset=dict(labeled=resize))
semi_train_dataloader = dict(dataset=dict(labeled=resize, unlabeled=resize))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
