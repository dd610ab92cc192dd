"""Multi-Phase on VOC, phase 2: labeled images four times and what phases 0 and 1 agree on.

Paper: 77.4 AP50 for a single model; not run here: needs VOC and 8 GPUs of 2 images each.

7 epochs of (4 x 5011 + 11 540) images at 16 a batch are 13 818 iterations, fewer without the images that get no
label. voc.py has the command.
"""

_base_ = './voc_phase_1.py'

train_cfg = dict(max_iters=13800)
optim_wrapper = dict(optimizer=dict(lr=0.025))
train_dataloader = dict(
    sampler=dict(repeats=dict(labeled=4)),
    dataset=dict(pseudo=dict(ann_file='work_dirs/multi_phase_voc/labels_2.json')),
)
work_dir = 'work_dirs/multi_phase_voc/phase_2'
