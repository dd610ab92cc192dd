"""As supervised_voc12mini.py with the paper's localization.

tools/train.py configs/yolox_nano/supervised_bucket_voc12mini.py
"""

_base_ = './supervised_voc12mini.py'

coder = dict(type='SideBucketCoder', num_buckets=8, scale_factor=1.7)
model = dict(bbox_head=dict(type='BucketYOLOXHead', bbox_coder=coder))
