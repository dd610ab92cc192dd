"""MixPL's views: those of soft_teacher_views.py, but the detector erases, which knows the boxes."""

_base_ = './soft_teacher_views.py'

mixpl_loader = _base_.soft_teacher_loader
del mixpl_loader['dataset']['unlabeled']['pipeline']['views']['strong']['erase']
# LVIS's way, to which the authors point; their limits are not public, these are ours.
mixpl_sampler = dict(type='ResamplingSampler', class_share=0.01, large_share=0.5)
