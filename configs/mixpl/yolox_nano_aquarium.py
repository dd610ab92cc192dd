"""MixPL with the student of configs/yolox_nano/student_aquarium.py, which starts from the same teacher.

tools/train.py configs/mixpl/yolox_nano_aquarium.py --teacher configs/yolox_nano/teacher_aquarium.py
"""

_base_ = ['../yolox_nano/student_aquarium.py', '../_base_/mixpl_small.py']

model = _base_.mixpl_small
train_dataloader = dict(sampler=_base_.mixpl_small_sampler)
default_hooks = dict(view_memory=_base_.mixpl_small_hook)
