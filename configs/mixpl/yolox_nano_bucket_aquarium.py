"""As yolox_nano_aquarium.py with the paper's localization; boxes are chosen by p*v.

tools/train.py configs/mixpl/yolox_nano_bucket_aquarium.py --teacher configs/yolox_nano/teacher_bucket_aquarium.py
"""

_base_ = ['../yolox_nano/student_bucket_aquarium.py', '../_base_/mixpl_small.py']

model = _base_.mixpl_small
train_dataloader = dict(sampler=_base_.mixpl_small_sampler)
default_hooks = dict(view_memory=_base_.mixpl_small_hook)
