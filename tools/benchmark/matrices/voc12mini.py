"""A part of VOC 2012: supervised training, the plain baseline, and the method, at one budget."""

title = 'voc12mini: a part of VOC 2012 at 192 px'
note = (
    'voc12mini, 10 % of `train.json` labeled (`tools/dataset/split.py data/voc12mini/train.json --percent 10 '
    '--fold 3`), the rest unlabeled with its boxes withheld; evaluated on the 1729 images of `val.json`. AP rare is '
    'over the 14 classes of the tail, three of them without any labeled box, AP frequent over the six of the head. The '
    'row "supervised" trains on the labeled images alone for as many iterations as teacher and student together; the '
    'baseline has plain box regression, p > 0.7, and a teacher of its own. These are not VOC figures. Why unlabeled '
    'images add little here: [the labels](voc12mini_labels.md) above 0.5 hold half of the dogs and cats, a fifth of '
    'the other four frequent classes, and nothing of the fourteen rare ones; half of them are wrong.'
)
findings = (
    'Every student is above its teacher, and none above supervised training of the same length: unlabeled images '
    'are worth here what longer training is worth. The method without RE is ahead of the plain baseline in AP, '
    'AP75 and on the frequent classes by tenths to one point; with RE it is level with it. The rare classes have '
    'no AP to speak of in any row, so re-weighting costs the frequent ones and has nothing to raise. One seed.'
)
recipes = [
    dict(name='teacher', config='configs/lite/teacher_voc12mini.py'),
    dict(name='student', config='configs/lite/student_voc12mini.py', start='teacher'),
    dict(
        name='student, p*v > 0.7',
        config='configs/lite/student_voc12mini.py',
        start='teacher',
        options={'model.balancer.threshold': 0.7},
    ),
    dict(
        name='student with RE',
        config='configs/lite/student_voc12mini.py',
        start='teacher',
        options={'model.balancer.weight_power': 0.6, 'model.balancer.unit_mean_weight': True},
    ),
    dict(name='supervised', config='configs/lite/supervised_voc12mini.py'),
    dict(name='teacher, plain', config='configs/lite/teacher_voc12mini_plain.py'),
    dict(name='baseline', config='configs/lite/student_voc12mini_plain.py', start='teacher, plain'),
]
