"""Supervised at demo scale with strong augmentation: each labeled image in the strong view, and only there.

tools/train.py configs/supervised/demo_strong.py
"""

_base_ = './demo.py'

work_dir = 'work_dirs/supervised_demo_strong'
strong = dict(_delete_=True, type='Steps', **_base_.strong_steps, pack=_base_.pack)
train_dataloader = dict(dataset=dict(labeled=dict(pipeline=dict(pack=strong))))
