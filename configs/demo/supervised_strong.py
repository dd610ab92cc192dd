"""The demo's third row with strong augmentation: each labeled image in the strong view, and only there.

tools/train.py configs/demo/supervised_strong.py
"""

_base_ = './supervised.py'

strong = dict(_delete_=True, type='Steps', **_base_.strong_steps, pack=_base_.pack)
train_dataloader = dict(dataset=dict(labeled=dict(pipeline=dict(pack=strong))))
work_dir = 'work_dirs/demo/supervised_strong'
