"""Multi-Phase on COCO-full, phase 1: labeled images and the easiest half of the others.

8 epochs of (117 266 + half of 123 403) images at 16 a batch are 89 484 iterations; images without a label would make
it fewer. The rate falls after 5 and 7. Once an epoch and not twice: README.md. coco_full.py has the command.
"""

_base_ = './coco_full_phase_0.py'

train_cfg = dict(max_iters=89500)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='ShareStepLR', shares=(5 / 8, 7 / 8), gamma=0.1, by_epoch=False),
]
model = dict(roi_head=dict(type='OverlapWeightedRoIHead'))
mark = dict(mark=dict(type='MarkPseudoLabeled'))
pseudo = dict(
    _base_.train_dataloader.dataset.labeled,
    data_root='',
    data_prefix=dict(img=''),
    ann_file='work_dirs/multi_phase_coco_full/labels_1.json',
    pipeline=dict(_base_.train_dataloader.dataset.labeled.pipeline, **mark),
)
train_dataloader = dict(
    sampler=dict(_delete_=True, type='PoolSampler', repeats=dict(labeled=1, pseudo=1), images=2),
    dataset=dict(pseudo=pseudo),
)
work_dir = 'work_dirs/multi_phase_coco_full/phase_1'
