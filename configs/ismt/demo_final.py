"""ISMT on the demo, final detector: a plain one on labeled images and on what the memory holds of the unlabeled ones.

400 iterations, as the demo's students have; demo.py has the commands.
"""

_base_ = '../demo/teacher_plain.py'

pseudo = dict(
    _base_.train_dataloader.dataset.labeled,
    data_root='',
    data_prefix=dict(img=''),
    ann_file='work_dirs/demo/ismt/labels.json',
)
train_dataloader = dict(
    batch_size=8, sampler=dict(counts=dict(labeled=4, pseudo=4)), dataset=dict(pseudo=pseudo)
)
auto_scale_lr = dict(base_batch_size=8)  # 4 labeled and 4 pseudo-labeled images
work_dir = 'work_dirs/demo/ismt_final'
