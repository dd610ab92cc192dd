"""Table 6, row 1: no color jitter, blur or Cutout; grayscale counts as color.

Paper: 20.3 AP, 33.9 AP50, 21.3 AP75; not run here: needs COCO and 4 GPUs.

    tools/dist_train.sh configs/certainty/ablations/table6_none.py 4
"""

_base_ = './base.py'

work_dir = 'work_dirs/table6_none_{{$FOLD:1}}@2'
train_dataloader = dict(
    dataset=dict(
        unlabeled=dict(
            pipeline=dict(
                views=dict(
                    strong=dict(
                        color=dict(prob=0.0),
                        gray=dict(prob=0.0),
                        blur=dict(prob=0.0),
                        cutout=dict(prob=0.0),
                    )
                )
            )
        )
    )
)
