"""Table 6, row 3: color jitter and blur, no Cutout.

Paper: 21.5 AP, 35.5 AP50, 22.7 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table6_color_blur.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table6_color_blur_{{$FOLD:1}}@2'
train_dataloader = dict(
    dataset=dict(unlabeled=dict(pipeline=dict(views=dict(strong=dict(cutout=dict(prob=0.0))))))
)
