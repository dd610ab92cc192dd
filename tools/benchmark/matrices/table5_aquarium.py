"""Table 5 on the aquarium: CA, RE and DT with the one-stage detector with buckets, from COCO."""

title = 'Table 5 on the aquarium: CA, RE, DT'
note = (
    'YOLOX-Nano at 416 px from COCO, batch norm fixed; 60 labeled images, another draw for each seed '
    '(`tools/dataset/split.py`, protocol `count`). All students follow the same schedule from a teacher of their own '
    'head, with an EMA teacher. Thresholds by class keep 0.8 times as many boxes per image as there are labels, of '
    'the highest p in the baseline and of the highest p*v in the others; with DT they are those of Eq. 6 around 0.3. '
    '"selected by" changes what the thresholds are tested against; "no bucket loss" leaves the losses of buckets and '
    'offsets to labeled boxes.'
)
FILE = 'train.{seed}@60images'
RE = {'model.balancer.weight_power': 0.6}
DT = dict(
    _delete_=True, type='ClassBalancer', threshold=0.3, threshold_power=0.05, bounds=(0.1, 0.9)
)
ROWS = {
    'CA': {},
    'CA + RE': RE,
    'CA + RE, mean 1': {**RE, 'model.balancer.unit_mean_weight': True},
    'CA + DT': {'model.balancer': DT},
    'CA + RE + DT': {'model.balancer': dict(**DT, weight_power=0.6)},
    'CA, selected by p': {'model.selector.certainty': 'p'},
    'CA, selected by the lesser of p and v': {'model.selector.certainty': 'p_and_v'},
    'CA, no bucket loss': {
        'model.unsup_loss_weights.loss_bucket': 0.0,
        'model.unsup_loss_weights.loss_offset': 0.0,
    },
}

labeled = {
    'train_dataloader.dataset.labeled.ann_file': f'{FILE}.json',
    'val_evaluator.train_ann_file': f'data/aquarium/{FILE}.json',
    'test_evaluator.train_ann_file': f'data/aquarium/{FILE}.json',
}
both = {
    **labeled,
    'train_dataloader.dataset.unlabeled.images': f'data/aquarium/{FILE}-unlabeled.json',
}
plain, buckets = 'aquarium, teacher, plain', 'aquarium, teacher, buckets'
recipes = [
    dict(name=plain, config='configs/yolox_nano/teacher_aquarium.py', options=labeled),
    dict(
        name='aquarium, baseline',
        config='configs/yolox_nano/student_aquarium.py',
        start=plain,
        options=both,
    ),
    dict(name=buckets, config='configs/yolox_nano/teacher_bucket_aquarium.py', options=labeled),
]
for name, options in ROWS.items():
    recipes.append(
        dict(
            name=f'aquarium, {name}',
            config='configs/yolox_nano/student_bucket_aquarium.py',
            start=buckets,
            options={**both, **options},
        )
    )
compare = [
    (buckets, plain),
    ('aquarium, CA', 'aquarium, baseline'),
    ('aquarium, CA, no bucket loss', 'aquarium, baseline'),
    *((f'aquarium, {name}', 'aquarium, CA') for name in ROWS if name != 'CA'),
]
findings = 'Not run yet.'
