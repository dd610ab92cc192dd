"""Multi-Phase on VOC, phase 0: supervised; voc.py has the command.

12 epochs of 5011 images at 16 a batch are 3758 iterations. The rate, 0.02, is ours for 16 images: we found none.
"""

_base_ = '../supervised/voc.py'

train_cfg = dict(max_iters=3750)
optim_wrapper = dict(optimizer=dict(lr=0.02))
auto_scale_lr = dict(base_batch_size=16)
work_dir = 'work_dirs/multi_phase_voc/phase_0'
