"""ISMT on VOC, first stage: two heads that label for each other and fill the memory.

The paper's table has 77.2 AP50 and 46.2 AP for the final detector (voc_final.py); not run here: needs VOC and 4 GPUs.
Burn-in (the supervised schedule) and length are ours: we found none.

    tools/dist_train.sh configs/ismt/voc.py 4
    python tools/label_from_memory.py configs/ismt/voc.py work_dirs/ismt_voc/iter_40000.pth \\
        --out work_dirs/ismt_voc/labels.json
    tools/dist_train.sh configs/ismt/voc_final.py 4
"""

_base_ = ['../supervised/voc.py', '../_base_/ismt.py']

train_cfg = dict(max_iters=40000, val_interval=5000)
roi_head = dict(_base_.model.roi_head, **_base_.dual_head)
model = dict(_delete_=True, detector=dict(_base_.model, roi_head=roi_head), **_base_.semi)
train_dataloader = dict(_base_.semi_train_dataloader, _delete_=True)
ema_teacher = dict(_base_.ema_teacher, burn_in=10000)
default_hooks = dict(_base_.semi_hooks, ema_teacher=ema_teacher)
work_dir = 'work_dirs/ismt_voc'
