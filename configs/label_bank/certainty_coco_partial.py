"""The paper's method on COCO-partial with labels from a bank; the same losses as student_coco_partial.py.

Not run here: needs COCO and 4 GPUs.

    export PERCENT=2 FOLD=1
    python -m torch.distributed.run --nproc_per_node=4 tools/make_label_bank.py \\
        configs/label_bank/certainty_coco_partial.py work_dirs/teacher_coco_partial_1@2/iter_12000.pth \\
        --launcher pytorch
    tools/dist_train.sh configs/label_bank/certainty_coco_partial.py 4
"""

_base_ = ['../certainty/student_coco_partial.py', '../_base_/label_bank.py']

run = '{{$FOLD:1}}@{{$PERCENT:2}}'
work_dir = f'work_dirs/student_coco_partial_bank_{run}'
model = dict(labeler=dict(type='LabelBank', path=f'work_dirs/label_bank_coco_partial_{run}'))
train_dataloader = _base_.unseen_weak_views
