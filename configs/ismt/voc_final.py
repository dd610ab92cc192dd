"""ISMT on VOC, final detector: a plain one on labeled images and on what the memory holds of the unlabeled ones.

Paper: 77.2 AP50, 46.2 AP; not run here: needs VOC and 4 GPUs. Length and shares of the two sources are ours: we found
none. voc.py has the commands.
"""

_base_ = '../supervised/voc.py'

train_cfg = dict(max_iters=90000)
pseudo = dict(
    _base_.train_dataloader.dataset.labeled,
    data_root='',
    data_prefix=dict(img=''),
    ann_file='work_dirs/ismt_voc/labels.json',
)
train_dataloader = dict(sampler=dict(counts=dict(labeled=1, pseudo=1)), dataset=dict(pseudo=pseudo))
work_dir = 'work_dirs/ismt_voc_final'
