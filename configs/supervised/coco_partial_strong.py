"""Supervised on 1, 2, 5 or 10 % of COCO, strongly augmented: each labeled image in the strong view, and only there.

It says what color jitter, blur and Cutout give without unlabeled images. The paper has no such row; not run here: needs
COCO and 4 GPUs.

    PERCENT=2 FOLD=1 tools/dist_train.sh configs/supervised/coco_partial_strong.py 4
"""

_base_ = './coco_partial.py'

work_dir = 'work_dirs/supervised_coco_partial_strong_{{$FOLD:1}}@{{$PERCENT:2}}'
strong = dict(_delete_=True, type='Steps', **_base_.strong_steps, pack=_base_.pack)
train_dataloader = dict(dataset=dict(labeled=dict(pipeline=dict(pack=strong))))
