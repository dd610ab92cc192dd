"""The demo's data in Soft Teacher's views, all at 160 px: at a scale of 400 to 1200 px small shapes would vanish."""

_base_ = ['./demo.py', '../soft_teacher_views.py']

fixed_size = dict(type='Resize', scale=_base_.scale, keep_ratio=True)
semi_train_dataloader = _base_.soft_teacher_loader
semi_train_dataloader['dataset']['labeled']['pipeline']['resize'] = fixed_size
views = semi_train_dataloader['dataset']['unlabeled']['pipeline']['views']
views['weak']['resize'] = views['strong']['resize'] = fixed_size
