"""As supervised_aquarium.py with the paper's localization.

tools/train.py configs/yolox_nano/supervised_bucket_aquarium.py
"""

_base_ = './supervised_aquarium.py'

model = dict(bbox_head=dict(type='BucketYOLOXHead'))
