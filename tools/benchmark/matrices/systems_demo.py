"""All systems on the demo's drawings at one budget of iterations."""

title = 'All systems at one budget, demo scale'
note = (
    'Drawn shapes at 160 px, as in the [demo](demo.md). A system has 800 iterations in all, those of its teacher '
    'included; ISMT has 400 more for its final detector and Multi-Phase 1200, in three phases. Each row is the demo '
    'config of its folder, whose docstring says which values are another for scale. Systems of the literature have '
    'plain box regression, rows with "certainty" the buckets of the paper.'
)

recipes = [
    dict(name='teacher, plain', config='configs/demo/teacher_plain.py'),
    dict(name='supervised', config='configs/supervised/demo.py'),
    dict(name='supervised, strong', config='configs/supervised/demo_strong.py'),
    dict(name='CSD', config='configs/csd/demo.py', start='teacher, plain'),
    dict(name='STAC', config='configs/stac/demo.py', start='teacher, plain'),
    dict(name='Unbiased Teacher', config='configs/unbiased_teacher/demo.py'),
    dict(name='Instant-Teaching', config='configs/instant_teaching/demo.py'),
    dict(name='Instant-Teaching, co-rectify', config='configs/instant_teaching/co_rectify_demo.py'),
    dict(name='ISMT, two heads', config='configs/ismt/demo.py'),
    dict(name='ISMT', config='configs/ismt/demo_final.py', labels='ISMT, two heads'),
    dict(name='Multi-Phase', config='configs/multi_phase/demo.py'),
    dict(name='Soft Teacher', config='configs/soft_teacher/demo.py', start='teacher, plain'),
    dict(name='pseudo labels', config='configs/demo/student_plain.py', start='teacher, plain'),
    dict(name='teacher', config='configs/demo/teacher.py'),
    dict(name='certainty', config='configs/demo/student.py', start='teacher'),
    dict(name='certainty, EMA', config='configs/certainty/beyond/demo_ema.py', start='teacher'),
    dict(name='certainty, mixup', config='configs/certainty/beyond/demo_mixup.py', start='teacher'),
]
