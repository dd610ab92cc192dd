"""Multi-Phase on VOC, phase 2: labeled images and what phases 0 and 1 agree on.

Paper: 77.4 AP50 for a single model; not run here: needs VOC and 4 GPUs of 2 images each.

12 epochs of (5011 + 11 540) images at 8 a batch are 24 827 iterations, fewer without the images that get no label.
voc.py has the command.
"""

_base_ = './voc_phase_1.py'

train_cfg = dict(max_iters=24800)
train_dataloader = dict(
    dataset=dict(pseudo=dict(ann_file='work_dirs/multi_phase_voc/labels_2.json'))
)
work_dir = 'work_dirs/multi_phase_voc/phase_2'
