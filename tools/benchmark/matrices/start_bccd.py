"""A detector that starts from COCO beside the lite one, which starts from ImageNet, at equal seconds of one core."""

title = 'Start from COCO: bccd'
note = (
    'BCCD (MIT), 20 images of `train.json` labeled, another draw for each seed (`tools/dataset/split.py '
    'data/bccd/train.json --protocol count --count 20 --fold 0 1 2`), the rest unlabeled with its boxes withheld;'
    ' evaluated on the 87 images of `val.json`. YOLOX-Nano starts from COCO and sees 416 px, the lite Faster '
    'R-CNN with buckets starts from ImageNet and sees 256 px. Each student starts from its teacher and sees 2 '
    'labeled and 6 unlabeled images per step (the lite one 4 and 4); the two together cost about as many seconds '
    'of one core as the supervised row: 12 to 13 minutes, the lite ones 10 to 11. "best AP" is the best '
    'evaluation on the way, chosen on the images that it is judged on.'
)

labeled = {
    'train_dataloader.dataset.labeled.ann_file': 'train.{seed}@20images.json',
    'val_evaluator.train_ann_file': 'data/bccd/train.{seed}@20images.json',
    'test_evaluator.train_ann_file': 'data/bccd/train.{seed}@20images.json',
}
both = {
    **labeled,
    'train_dataloader.dataset.unlabeled.images': 'data/bccd/train.{seed}@20images-unlabeled.json',
}

recipes = [
    dict(name='YOLOX-Nano, teacher', config='configs/yolox_nano/teacher_bccd.py', options=labeled),
    dict(
        name='YOLOX-Nano, student',
        config='configs/yolox_nano/student_bccd.py',
        start='YOLOX-Nano, teacher',
        options=both,
    ),
    dict(
        name='YOLOX-Nano, mixture thresholds',
        config='configs/yolox_nano/consistent_teacher_bccd.py',
        start='YOLOX-Nano, teacher',
        options=both,
    ),
    dict(
        name='YOLOX-Nano, LabelMatch thresholds',
        config='configs/yolox_nano/labelmatch_bccd.py',
        start='YOLOX-Nano, teacher',
        options=both,
    ),
    dict(
        name='YOLOX-Nano, supervised',
        config='configs/yolox_nano/supervised_bccd.py',
        options=labeled,
    ),
    dict(
        name='lite, teacher',
        config='configs/lite/teacher_bccd.py',
        options={**labeled, 'train_cfg.max_iters': 500, 'train_cfg.val_interval': 250},
    ),
    dict(
        name='lite, student',
        config='configs/lite/student_bccd.py',
        start='lite, teacher',
        options={**both, 'train_cfg.max_iters': 220, 'train_cfg.val_interval': 110},
    ),
    dict(
        name='lite, supervised',
        config='configs/lite/supervised_bccd.py',
        options={**labeled, 'train_cfg.max_iters': 1000, 'train_cfg.val_interval': 100},
    ),
]

findings = (
    'Twenty labeled images are learned by heart: supervised training is best after a fifth of its iterations and '
    'loses one to two AP after that. The student ends 2.4 AP above its end in the mean, and 0.9, 1.3 and 0.1 '
    'above its best evaluation, which was chosen on the images that it is judged on. Teacher and student took 788'
    ' core seconds, a tenth more than the supervised row. The lite detector is 4 to 5 AP behind (two draws so '
    'far). Teachers and supervised runs of commit 464f0e4 were trained before `save_best` was the default; the '
    'teacher of the first draw, trained again, has the same figures to the last digit. '
    'The supervised config had 2090 iterations at that commit; by the measured cost of a student step (2.25) it '
    'has 2150 now.'
)
