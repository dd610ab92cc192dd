"""Thresholds and weights by class where the labeled images have the tail of the unlabeled ones."""

_base_ = './table5_demo.py'

title = 'A tail that is the same in both: RE and DT'
note = (
    'Drawn shapes as in the [demo](demo.md), but 100 labeled images drawn like the others: `python '
    'tools/dataset/make_demo_data.py --labeled 100 --unlabeled 900 --min-boxes 1 --out data/demo_tail`. The demo has 8 '
    'labeled boxes of each class at least, ten times what the unlabeled images have of the rarest. AP rare is over the '
    'five rarest classes of the labeled images.'
)
findings = (
    'Pseudo labels amplify the imbalance, as the paper says: with CA alone the student gains 6.5 AP on the '
    'frequent classes and 1.4 on the rare ones. RE and DT together, with the weights of Eq. 6 as they are '
    'printed, have the best mean, most of all on the rare classes (+2.5), without a loss on the frequent ones; '
    'three seeds do not separate that from 0. Each alone does nothing here, and weights of mean 1 are no better '
    'than those as printed. With two seeds and weights of mean 1 an earlier version of this page said that RE and '
    'DT raise the rare classes; that does not hold over three.'
)
ROOT = 'data/demo_tail/'
TEACHER = {
    'train_dataloader.dataset.labeled.data_root': ROOT,
    'val_dataloader.dataset.data_root': ROOT,
    'test_dataloader.dataset.data_root': ROOT,
    'val_evaluator.ann_file': ROOT + 'val.json',
    'test_evaluator.ann_file': ROOT + 'val.json',
    'val_evaluator.train_ann_file': ROOT + 'train.json',
    'test_evaluator.train_ann_file': ROOT + 'train.json',
    'default_hooks.speed': dict(type='SpeedHook', channels_last=True),  # the same losses
}
STUDENT = {**TEACHER, 'train_dataloader.dataset.unlabeled.images': ROOT + 'unlabeled'}

recipes = [dict(name='teacher', config='configs/demo/teacher.py', options=TEACHER)]
for name, options in {
    'CA': {**_base_.NO_RE, **_base_.NO_DT},
    'CA + DT': _base_.NO_RE,
    'CA + RE': {**_base_.RE, **_base_.NO_DT, 'model.balancer.unit_mean_weight': False},
    'CA + RE, mean 1': {**_base_.RE, **_base_.NO_DT},
    'CA + RE + DT': {**_base_.RE, 'model.balancer.unit_mean_weight': False},
    'CA + RE + DT, mean 1': _base_.RE,
}.items():
    recipes.append(
        dict(
            name=name,
            config='configs/demo/student.py',
            start='teacher',
            options={**STUDENT, **options},
        )
    )
compare = [(row['name'], 'CA') for row in recipes[2:]]
