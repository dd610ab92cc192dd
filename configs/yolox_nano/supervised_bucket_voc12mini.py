"""As supervised_voc12mini.py with the paper's localization.

tools/train.py configs/yolox_nano/supervised_bucket_voc12mini.py
"""

_base_ = './supervised_voc12mini.py'

coder = dict(type='SideBucketCoder', num_buckets=8, scale_factor=1.7)
model = dict(bbox_head=dict(type='BucketYOLOXHead', bbox_coder=coder))
# The bucket layers begin anew, at the rate of the other sets.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'multi_level_conv_bucket': dict(lr_mult=25)}))
