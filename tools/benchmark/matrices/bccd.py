"""Blood cells: teacher, student, and supervised training of the same total length."""

title = 'BCCD: blood cells'
note = (
    'BCCD (MIT) at 256 px: 10 % of `train.json` labeled (`tools/dataset/split.py data/bccd/train.json --percent 10 '
    '--fold 1`), the rest unlabeled with its boxes withheld; evaluated on the 87 images of `val.json`; AP rare is that '
    'of the rarest of the three classes. The row "supervised" trains on the labeled images alone for as many '
    'iterations as teacher and student together.'
)
recipes = [
    dict(name='teacher', config='configs/lite/teacher_bccd.py'),
    dict(name='student', config='configs/lite/student_bccd.py', start='teacher'),
    dict(name='supervised', config='configs/lite/supervised_bccd.py'),
]
