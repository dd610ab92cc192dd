"""Multi-Phase on VOC, phase 1: labeled images and the easiest half of the others.

12 epochs of (5011 + half of 11 540) images at 8 a batch are 16 172 iterations; images without a label would make it
fewer. voc.py has the command.
"""

_base_ = './voc_phase_0.py'

train_cfg = dict(max_iters=16200)
model = dict(roi_head=dict(type='OverlapWeightedRoIHead'))
mark = dict(mark=dict(type='MarkPseudoLabeled'))
pseudo = dict(
    _base_.train_dataloader.dataset.labeled,
    data_root='',
    data_prefix=dict(img=''),
    ann_file='work_dirs/multi_phase_voc/labels_1.json',
    pipeline=dict(_base_.train_dataloader.dataset.labeled.pipeline, **mark),
)
train_dataloader = dict(
    sampler=dict(_delete_=True, type='PoolSampler', repeats=dict(labeled=1, pseudo=1), images=2),
    dataset=dict(pseudo=pseudo),
)
work_dir = 'work_dirs/multi_phase_voc/phase_1'
