"""CSD: answers to an image and to its mirror image shall agree; the weight of that rises and falls with the training.

The shares are the public code's 32k and 100k of 120k iterations. How many RoIs a two-stage detector compares is not
said there; 256 is ours.
"""

csd = dict(type='ConsistencyDetector', num_rois=256, consistency_weight=1.0)
csd_hooks = dict(consistency_ramp=dict(type='ConsistencyRampHook', up=4 / 15, down=5 / 6))
