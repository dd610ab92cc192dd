"""The demo: gain from 950 unlabeled drawings."""

title = 'Demo'
note = (
    'Drawn shapes at 160 px (`tools/dataset/make_demo_data.py`, seed 0): 50 labeled images, 950 unlabeled, 200 to '
    'evaluate on, ten long-tailed classes; AP rare is over the five rarest of the labeled set. The row "supervised" '
    'trains on the labeled images alone for as many iterations as teacher and student together.'
)
recipes = [
    dict(name='teacher', config='configs/demo/teacher.py'),
    dict(name='student', config='configs/demo/student.py', start='teacher'),
    dict(name='supervised', config='configs/demo/supervised.py'),
]
