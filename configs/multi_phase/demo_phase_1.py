"""Multi-Phase on the demo, phase 1: labeled images twice and the easiest half of the others.

400 iterations of 8 images are 5.6 epochs of (2 x 50 + half of 950) images, or more if images have no label. demo.py
has the command.
"""

_base_ = './demo_phase_0.py'

model = dict(roi_head=dict(type='OverlapWeightedRoIHead'))
mark = dict(mark=dict(type='MarkPseudoLabeled'))
pseudo = dict(
    _base_.train_dataloader.dataset.labeled,
    data_root='',
    data_prefix=dict(img=''),
    ann_file='work_dirs/demo/multi_phase/labels_1.json',
    pipeline=dict(_base_.train_dataloader.dataset.labeled.pipeline, **mark),
)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(_delete_=True, type='PoolSampler', repeats=dict(labeled=2, pseudo=1), images=8),
    dataset=dict(pseudo=pseudo),
)
auto_scale_lr = dict(base_batch_size=8)
work_dir = 'work_dirs/demo/multi_phase/phase_1'
