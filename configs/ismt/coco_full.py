"""ISMT on COCO-full, first stage: two heads that label for each other and fill the memory.

The paper's table has 39.6 AP for the final detector (coco_full_final.py); not run here: needs COCO and 4 GPUs.
Burn-in (half of the 1x schedule) and length are ours: we found none.

    tools/dist_train.sh configs/ismt/coco_full.py 4
    python tools/label_from_memory.py configs/ismt/coco_full.py work_dirs/ismt_coco_full/iter_180000.pth \\
        --out work_dirs/ismt_coco_full/labels.json
    tools/dist_train.sh configs/ismt/coco_full_final.py 4
"""

_base_ = ['../supervised/coco_full_1x.py', '../_base_/ismt.py']

roi_head = dict(_base_.model.roi_head, **_base_.dual_head)
model = dict(_delete_=True, detector=dict(_base_.model, roi_head=roi_head), **_base_.semi)
train_dataloader = dict(_base_.semi_train_dataloader, _delete_=True)
ema_teacher = dict(_base_.ema_teacher, burn_in=90000)
default_hooks = dict(_base_.semi_hooks, ema_teacher=ema_teacher)
work_dir = 'work_dirs/ismt_coco_full'
