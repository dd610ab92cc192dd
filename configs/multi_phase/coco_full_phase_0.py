"""Multi-Phase on COCO-full, phase 0: supervised; coco_full.py has the command.

12 epochs of 117 266 images at 16 a batch are 87 950 iterations. The rate, 0.02, is ours for 16 images: we found none.
"""

_base_ = '../supervised/coco_full_1x.py'

train_cfg = dict(max_iters=88000)
optim_wrapper = dict(optimizer=dict(lr=0.02))
auto_scale_lr = dict(base_batch_size=16)
work_dir = 'work_dirs/multi_phase_coco_full/phase_0'
