"""As supervised_aquarium.py with the paper's localization.

tools/train.py configs/yolox_nano/supervised_bucket_aquarium.py
"""

_base_ = './supervised_aquarium.py'

coder = dict(type='SideBucketCoder', num_buckets=8, scale_factor=1.7)
model = dict(bbox_head=dict(type='BucketYOLOXHead', bbox_coder=coder))
