"""The default recipe of `mmssod new`, varied one factor at a time on three photo data sets."""

title = 'The default recipe, one factor at a time'
note = (
    'YOLOX-Nano at 416 px from COCO, batch norm fixed. Bccd: 20 labeled images; aquarium: 60; voc12mini: 10 % of '
    '`train.json`, whose classes are among those of COCO: a comparison of rows there. Another draw for each seed '
    '(`tools/dataset/split.py`, protocols `count` and `percent`). All students of a set and seed start from the same '
    'teacher; each row differs from the default in what its name says; "half the teacher" spends the seconds on the '
    'student instead. "supervised" trains on the labeled images for '
    "as many seconds as teacher and student together; `SemiBaseDetector` is MMDetection's mean teacher with the same "
    'student, start, images, views and decay, of pseudo labels above a score.'
)
LABELED = dict(
    bccd='train.{seed}@20images', aquarium='train.{seed}@60images', voc12mini='train.{seed}@10'
)
RATES = dict(bccd=0.0002, aquarium=0.0002, voc12mini=0.000008)  # of the students
LEVEL = dict(_delete_=True, type='ClassBalancer')
VIEW = 'train_dataloader.dataset.unlabeled.pipeline.views.strong'
COUNTS = 'train_dataloader.sampler.counts'
CELLS = {
    'default': {},
    'frozen teacher': {
        'model.labeler.type': 'FrozenTeacher',
        'default_hooks.ema_teacher': None,
        'model.predict_with': 'student',
    },
    'decay 0.99': {'default_hooks.ema_teacher.ema_decay': 0.99},
    'decay 0.999': {'default_hooks.ema_teacher.ema_decay': 0.999},
    'p > 0.4': {'model.balancer': dict(LEVEL, threshold=0.4)},
    'p > 0.7': {'model.balancer': dict(LEVEL, threshold=0.7)},
    'share 0.6': {'model.balancer.share': 0.6},
    'share 1': {'model.balancer.share': 1.0},
    '4 + 4 images': {f'{COUNTS}.labeled': 4, f'{COUNTS}.unlabeled': 4},
    '1 + 7 images': {f'{COUNTS}.labeled': 1, f'{COUNTS}.unlabeled': 7},
    'unlabeled loss x 2': {'model.unsup_weight': 2.0},
    'DT': {'model.balancer': dict(LEVEL, threshold=0.4, threshold_power=0.05, bounds=(0.1, 0.9))},
    'RE': {'model.balancer.weight_power': 0.6, 'model.balancer.unit_mean_weight': True},
    'no cutout': {f'{VIEW}.cutout.prob': 0.0},
    'half the teacher': {'train_cfg.max_iters': 780, 'train_cfg.val_interval': 260},
}

recipes = []
for data, file in LABELED.items():
    labeled = {
        'train_dataloader.dataset.labeled.ann_file': f'{file}.json',
        'val_evaluator.train_ann_file': f'data/{data}/{file}.json',
        'test_evaluator.train_ann_file': f'data/{data}/{file}.json',
    }
    both = {
        **labeled,
        'train_dataloader.dataset.unlabeled.images': f'data/{data}/{file}-unlabeled.json',
    }
    teacher, half = f'{data}, teacher', f'{data}, teacher, half'
    folder = 'configs/yolox_nano'
    recipes += [
        dict(name=teacher, config=f'{folder}/teacher_{data}.py', options=labeled),
        dict(
            name=half,
            config=f'{folder}/teacher_{data}.py',
            options={**labeled, 'train_cfg.max_iters': 400, 'train_cfg.val_interval': 200},
        ),
        dict(name=f'{data}, supervised', config=f'{folder}/supervised_{data}.py', options=labeled),
        dict(
            name=f'{data}, SemiBaseDetector',
            config=f'{folder}/mmdet_semi_{data}.py',
            start=teacher,
            options=both,
        ),
    ]
    faster = {'rate x 2': {'optim_wrapper.optimizer.lr': 2 * RATES[data]}}
    for name, options in {**CELLS, **faster}.items():
        recipes.append(
            dict(
                name=f'{data}, {name}',
                config=f'{folder}/student_{data}.py',
                start=half if name == 'half the teacher' else teacher,
                options={**both, **options},
            )
        )
compare = [
    (row['name'], f'{data}, default')
    for data in LABELED
    for row in recipes
    if row['name'].startswith(f'{data}, ')
    and row['name'] not in (f'{data}, default', f'{data}, teacher', f'{data}, teacher, half')
]
findings = 'Not run yet.'
