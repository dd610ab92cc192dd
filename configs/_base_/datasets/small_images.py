"""Images of at most 256 px in batches of 4 labeled (and 4 unlabeled), for the lite detector."""

_base_ = './coco_json.py'

scale = (256, 256)
resize = dict(pipeline=dict(resize=dict(scale=scale)))
test_resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())

train_dataloader = dict(
    batch_size=4, sampler=dict(counts=dict(labeled=4)), dataset=dict(labeled=resize)
)
semi_train_dataloader = dict(
    batch_size=8,
    sampler=dict(counts=dict(labeled=4, unlabeled=4)),
    dataset=dict(labeled=resize, unlabeled=resize),
)
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
