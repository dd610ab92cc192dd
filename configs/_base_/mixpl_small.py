"""MixPL for a student that starts from a trained YOLOX-Nano: what it adds to ema_small.py, images at 416 px.

Ours: labels are matched to the labeled set by class, as in ema_small.py, and not taken at one level; views of a mosaic
have a quarter to a half of the side; kinds that fewer than half of the labeled images have are met more often.
"""

mixpl_small = dict(
    type='MixPLDetector',
    mosaic_sizes=(104, 208),
    fill=114.0,
    unsup_weight=2.0,
    empty_images='background',
    joint_features=False,
)
mixpl_small_hook = dict(type='ViewMemoryHook')
mixpl_small_sampler = dict(type='ResamplingSampler', class_share=0.5, large_share=0.5)
