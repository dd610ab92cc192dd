"""CSD on VOC, with Faster R-CNN at a short side of 600: Table 1b, row "CSD".

Paper: 74.7 AP50, of R-FCN in CSD's paper, whose recipe has no public code. 120k iterations are those of the public
code for SSD300 (batch 32, learning rate 0.001); batch and learning rate are the paper's for this detector. Not run
here: needs VOC and 4 GPUs.

    tools/dist_train.sh configs/csd/voc.py 4
"""

_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn.py',
    '../_base_/datasets/voc_one_view.py',
    '../_base_/sgd.py',
    '../_base_/default_runtime.py',
    '../_base_/csd.py',
]

train_cfg = dict(max_iters=120000, val_interval=5000)

model = dict(_delete_=True, detector=_base_.model, **_base_.csd)
model['detector']['roi_head']['bbox_head'].update(num_classes=20)
train_dataloader = dict(_delete_=True, **_base_.semi_train_dataloader)
default_hooks = _base_.csd_hooks
