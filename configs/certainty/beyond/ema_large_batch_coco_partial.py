"""Beyond the paper: ema_coco_partial.py with the batch and the image sizes of Unbiased Teacher.

32 labeled and 32 unlabeled images, short edge 640 to 800, learning rate 0.01 for the 64 of them; the schedule is the
paper's. Nobody has published it; not run here: needs COCO and 8 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/certainty/beyond/ema_large_batch_coco_partial.py 8
"""

_base_ = ['./ema_coco_partial.py', '../../_base_/unbiased_teacher.py']

work_dir = 'work_dirs/ema_large_batch_coco_partial_{{$FOLD:1}}@{{$PERCENT:2}}'
auto_scale_lr = dict(base_batch_size=64)
sizes = dict(pipeline=dict(resize=_base_.short_edges))
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    sampler=dict(counts=dict(labeled=4, unlabeled=4)),
    dataset=dict(labeled=sizes, unlabeled=sizes),
)
