"""ISMT on COCO-full, final detector: a plain one on labeled images and on what the memory holds of the unlabeled ones.

Paper: 39.6 AP; not run here: needs COCO and 4 GPUs. Length and shares of the two sources are ours: we found none.
coco_full.py has the commands.
"""

_base_ = '../supervised/coco_full_1x.py'

pseudo = dict(
    _base_.train_dataloader.dataset.labeled,
    data_root='',
    data_prefix=dict(img=''),
    ann_file='work_dirs/ismt_coco_full/labels.json',
)
train_dataloader = dict(sampler=dict(counts=dict(labeled=1, pseudo=1)), dataset=dict(pseudo=pseudo))
work_dir = 'work_dirs/ismt_coco_full_final'
