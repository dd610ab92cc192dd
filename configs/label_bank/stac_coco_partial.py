"""STAC on COCO-partial with labels from a bank: the student starts from ImageNet, its teacher from a file of its own.

Not run here: needs COCO and 8 GPUs. The weak view is never flipped, so the bank holds one view an image.

    export PERCENT=2 FOLD=1
    python -m torch.distributed.run --nproc_per_node=8 tools/make_label_bank.py \\
        configs/label_bank/stac_coco_partial.py \\
        work_dirs/stac_teacher_coco_partial_1@2/iter_180000.pth --launcher pytorch
    tools/dist_train.sh configs/label_bank/stac_coco_partial.py 8
"""

_base_ = ['../stac/coco_partial.py', '../_base_/label_bank.py']

run = '{{$FOLD:1}}@{{$PERCENT:2}}'
work_dir = f'work_dirs/stac_coco_partial_bank_{run}'
model = dict(labeler=dict(type='LabelBank', path=f'work_dirs/label_bank_stac_coco_partial_{run}'))
train_dataloader = _base_.unseen_weak_views
