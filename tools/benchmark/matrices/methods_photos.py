"""Methods on photographs at equal seconds: all that take YOLOX-Nano from COCO as student."""

title = 'Methods at equal seconds on photographs'
note = (
    'YOLOX-Nano at 416 px from COCO, batch norm fixed; aquarium with 60 labeled images, bccd with 20, another draw for '
    'each seed (`tools/dataset/split.py`, protocol `count`). Each student starts from a teacher that was trained on '
    'the labeled images and sees 2 labeled and 6 unlabeled images per step; "supervised" trains on the labeled images '
    'for as many seconds as teacher and student together. MixPL takes 500 steps instead of 600, since its step takes '
    'longer (`tools/benchmark/method_ratios.py`). '
    '"EMA" is what `mmssod new` writes: 0.8 times as many pseudo boxes as labels, by class. '
    '"Unbiased Teacher": p > 0.7, no box losses from pseudo boxes, their other losses times 4. "mixture thresholds" '
    'are those of Consistent-Teacher, "matched fifth" those of LabelMatch. Rows with "certainty" have the detector '
    'with buckets, choose by p*v and learn buckets from labeled boxes alone. '
    "Soft Teacher scores a teacher's boxes anew and needs a two-stage detector; "
    '`SemiBaseDetector` stands in its place.'
)
FILES = dict(aquarium='train.{seed}@60images', bccd='train.{seed}@20images')
SHORTER = {'train_cfg.max_iters': 501, 'train_cfg.val_interval': 167}
MIXTURE = {
    'model.merger': dict(type='KeepExpected'),
    'model.balancer': dict(_delete_=True, type='MixtureBalancer', threshold=0.4, recent=100),
}
FIFTH = {'model.balancer.share': 0.2, 'model.balancer.limits': (0.05, 1.0)}
BY_CLASS = dict(threshold=0.3, threshold_power=0.05, bounds=(0.1, 0.9), weight_power=0.6)
ROWS = {  # the student's config, what it changes
    'frozen teacher': (
        'yolox_nano/student',
        {
            'model.labeler.type': 'FrozenTeacher',
            'default_hooks.ema_teacher': None,
            'model.predict_with': 'student',
        },
    ),
    'EMA': ('yolox_nano/student', {}),
    'SemiBaseDetector': ('yolox_nano/mmdet_semi', {}),
    'Unbiased Teacher': (
        'yolox_nano/student',
        {
            'model.balancer': dict(_delete_=True, type='ClassBalancer', threshold=0.7),
            'model.unsup_weight': 4.0,
            'model.unsup_loss_weights': dict(loss_bbox=0.0),
        },
    ),
    'MixPL': ('mixpl/yolox_nano', SHORTER),
    'mixture thresholds': ('yolox_nano/student', MIXTURE),
    'matched fifth': ('yolox_nano/student', FIFTH),
    'certainty: CA': ('yolox_nano/student_bucket', {}),
    'certainty: CA, DT, RE': (
        'yolox_nano/student_bucket',
        {'model.balancer': dict(_delete_=True, type='ClassBalancer', **BY_CLASS)},
    ),
    'certainty, MixPL': ('mixpl/yolox_nano_bucket', SHORTER),
    'certainty, mixture thresholds': ('yolox_nano/student_bucket', MIXTURE),
    'certainty, matched fifth': ('yolox_nano/student_bucket', FIFTH),
}

recipes = []
for data, file in FILES.items():
    labeled = {
        'train_dataloader.dataset.labeled.ann_file': f'{file}.json',
        'val_evaluator.train_ann_file': f'data/{data}/{file}.json',
        'test_evaluator.train_ann_file': f'data/{data}/{file}.json',
    }
    unlabeled = {
        'train_dataloader.dataset.unlabeled.images': f'data/{data}/{file}-unlabeled.json',
    }
    for name, config in (
        ('teacher', 'teacher'),
        ('teacher, buckets', 'teacher_bucket'),
        ('supervised', 'supervised'),
    ):
        recipes.append(
            dict(
                name=f'{data}, {name}',
                config=f'configs/yolox_nano/{config}_{data}.py',
                options=labeled,
            )
        )
    for name, (config, options) in ROWS.items():
        start = 'teacher, buckets' if 'bucket' in config else 'teacher'
        recipes.append(
            dict(
                name=f'{data}, {name}',
                config=f'configs/{config}_{data}.py',
                start=f'{data}, {start}',
                options={**labeled, **unlabeled, **options},
            )
        )
compare = [
    (f'{data}, {name}', f'{data}, {other}')
    for data in FILES
    for name, other in (('EMA', 'supervised'), *((name, 'EMA') for name in ROWS if name != 'EMA'))
]
findings = 'Not run yet.'
