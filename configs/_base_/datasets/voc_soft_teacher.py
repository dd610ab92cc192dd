"""VOC in Soft Teacher's views at Consistent-Teacher's sizes, 1 labeled and 4 unlabeled images per GPU."""

_base_ = ['./voc.py', '../soft_teacher_views.py']

sizes = dict(type='RandomResize', scale=[(1000, 480), (1000, 800)], keep_ratio=True)
semi_train_dataloader = dict(
    batch_size=5,
    num_workers=5,
    sampler=dict(counts=dict(labeled=1, unlabeled=4)),
    **_base_.soft_teacher_loader,
)
semi_train_dataloader['dataset']['labeled']['pipeline']['resize'] = sizes
views = semi_train_dataloader['dataset']['unlabeled']['pipeline']['views']
views['weak']['resize'] = views['strong']['resize'] = sizes
test_resize = dict(type='Resize', scale=(1000, 600), keep_ratio=True)
test_pipeline = list({**_base_.test_steps, 'resize': test_resize}.values())
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
