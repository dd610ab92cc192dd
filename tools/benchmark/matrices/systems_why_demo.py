"""Systems below supervised training at the demo's budget: one thing changed at a time."""

title = 'Why some systems fall behind, demo scale'
note = (
    'Rows of [all systems at one budget](systems_demo.md) that end below "supervised", each beside the change that is '
    'thought to be the cause. "From its teacher": the student starts from the weights that label for it.'
)
STRONG = 'configs/supervised/demo_strong.py'
STAC = dict(config='configs/stac/demo.py', start='teacher, plain')
SOFT = dict(config='configs/soft_teacher/demo.py', start='teacher, plain')
ISMT = dict(config='configs/ismt/demo_final.py', labels='ISMT, two heads')
UNBIASED = 'configs/unbiased_teacher/demo.py'
LOWERED = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(type='ShareStepLR', shares=(2 / 3, 8 / 9), gamma=0.1, by_epoch=False),
]
WEIGHT_1 = {'model.unsup_weight': 1.0}


def length(iterations):
    """Options of a training of so many iterations."""
    return {'train_cfg.max_iters': iterations, 'train_cfg.val_interval': iterations}


recipes = [
    dict(name='teacher, plain', config='configs/demo/teacher_plain.py'),
    dict(name='STAC, from its teacher', **STAC, options={'model.labeler.checkpoint': None}),
    dict(name='STAC, twice as long', **STAC, options=length(800)),
    dict(
        name='Unbiased Teacher, rate lowered at last',
        config=UNBIASED,
        options={'param_scheduler': LOWERED},
    ),
    dict(
        name='Unbiased Teacher, threshold 0.5',
        config=UNBIASED,
        options={'model.balancer.threshold': 0.5},
    ),
    dict(name='Unbiased Teacher, weight 1', config=UNBIASED, options=WEIGHT_1),
    dict(name='Soft Teacher, weight 1', **SOFT, options=WEIGHT_1),
    dict(name='ISMT, two heads', config='configs/ismt/demo.py'),
    dict(name='ISMT, twice as long', **ISMT, options=length(800)),
    dict(name='supervised, strong, twice as long', config=STRONG, options=length(1600)),
]
