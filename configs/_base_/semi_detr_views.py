"""Semi-DETR's views: Soft Teacher's at DINO's sizes, short sides of 480 to 800."""

_base_ = './soft_teacher_views.py'

short_sides = dict(
    type='RandomChoiceResize',
    scales=[(1333, side) for side in range(480, 801, 32)],
    keep_ratio=True,
)
semi_detr_loader = _base_.soft_teacher_loader
semi_detr_loader['dataset']['labeled']['pipeline']['resize'] = short_sides
views = semi_detr_loader['dataset']['unlabeled']['pipeline']['views']
views['weak']['resize'] = views['strong']['resize'] = short_sides
