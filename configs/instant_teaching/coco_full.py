"""Instant-Teaching on COCO-full: Table 1a, row "Instant-Teaching".

As the paper prints it: 39.6 AP; not run here: needs COCO and 8 GPUs. The source is its public code
(configs/_base_/instant_teaching.py); 180k iterations and their steps are ours, its own are not known here.

    tools/dist_train.sh configs/instant_teaching/coco_full.py 8
"""

_base_ = ['../_base_/semi_coco_full.py', '../_base_/instant_teaching.py']

work_dir = 'work_dirs/instant_teaching_coco_full'
train_cfg = dict(max_iters=180000, val_interval=20000)
optim_wrapper = dict(clip_grad=dict(max_norm=35.0))
auto_scale_lr = dict(base_batch_size=16)

model = _base_.instant_teaching
resize = _base_.multi_scale
strong = dict(_base_.instant_strong, pack=_base_.pack)
train_dataloader = dict(
    dataset=dict(
        labeled=dict(pipeline=dict(resize=resize)),
        unlabeled=dict(pipeline=dict(resize=resize, views=dict(strong=strong))),
    )
)
