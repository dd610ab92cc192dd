"""Table 6, row 2: color jitter (with grayscale), no blur, no Cutout.

Paper: 21.1 AP, 34.9 AP50, 22.4 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table6_color.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table6_color_{{$FOLD:1}}@2'
train_dataloader = dict(
    dataset=dict(
        unlabeled=dict(
            pipeline=dict(views=dict(strong=dict(blur=dict(prob=0.0), cutout=dict(prob=0.0))))
        )
    )
)
