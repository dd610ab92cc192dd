"""As supervised_bccd.py with the paper's localization.

tools/train.py configs/yolox_nano/supervised_bucket_bccd.py
"""

_base_ = './supervised_bccd.py'

model = dict(bbox_head=dict(type='BucketYOLOXHead'))
