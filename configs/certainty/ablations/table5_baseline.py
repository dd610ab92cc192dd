"""Table 5, row 1: the baseline. Plain box regression, one threshold on p, no weights, a head of two shared layers.

Paper: 19.9 AP, 36.9 AP50, 19.4 AP75; not run here: needs COCO and 4 GPUs. The teacher
is configs/supervised/coco_partial.py.

    tools/dist_train.sh configs/certainty/ablations/table5_baseline.py 4
"""

_base_ = ['../../supervised/coco_partial.py', '../../_base_/semi.py']

assert '{{$PERCENT:2}}' == '2', 'the ablations use 2 % of COCO: unset PERCENT, or set it to 2'
work_dir = 'work_dirs/table5_baseline_{{$FOLD:1}}@2'
train_cfg = dict(max_iters=90000)
model = dict(_delete_=True, detector=_base_.model, **_base_.semi)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.semi_hooks
load_from = 'work_dirs/supervised_coco_partial_{{$FOLD:1}}@2/iter_12000.pth'
