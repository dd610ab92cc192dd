"""CSD: predictions for an image and its mirror image should agree; the weight of this loss rises, then falls.

The shares are the public code's 32k and 100k of 120k iterations. How many RoIs a two-stage detector compares is not
said there; 256 is ours.
"""

csd = dict(type='ConsistencyDetector', num_rois=256, consistency_weight=1.0)
csd_hooks = dict(consistency_ramp=dict(type='ConsistencyRampHook', up=4 / 15, down=5 / 6))
