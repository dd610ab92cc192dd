"""The demo's data in MixPL's views, all at 160 px."""

_base_ = './demo_soft_teacher.py'

semi_train_dataloader = _base_.semi_train_dataloader
del semi_train_dataloader['dataset']['unlabeled']['pipeline']['views']['strong']['erase']
semi_train_dataloader['sampler'].update(type='ResamplingSampler', class_share=0.01, large_share=0.5)
