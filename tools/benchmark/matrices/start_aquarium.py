"""A detector that starts from COCO beside the lite one, which starts from ImageNet, at equal seconds of one core."""

title = 'Start from COCO: aquarium'
note = (
    'Aquarium (CC BY 4.0), 60 images of `train.json` labeled, another draw for each seed '
    '(`tools/dataset/split.py data/aquarium/train.json --protocol count --count 60 --fold 0 1 2`), the rest unlabeled '
    'with its boxes withheld; evaluated on the 190 images of `val.json`. YOLOX-Nano starts from COCO and sees 416 px, '
    'the lite Faster R-CNN with buckets starts from ImageNet and sees 256 px. Each student starts from its teacher; '
    'the two together cost about as many seconds of one core as the supervised row, 11 to 12 minutes. "best AP" is the '
    'best evaluation on the way, chosen on the images that it is judged on.'
)

labeled = {
    'train_dataloader.dataset.labeled.ann_file': 'train.{seed}@60images.json',
    'val_evaluator.train_ann_file': 'data/aquarium/train.{seed}@60images.json',
    'test_evaluator.train_ann_file': 'data/aquarium/train.{seed}@60images.json',
}
both = {
    **labeled,
    'train_dataloader.dataset.unlabeled.images': 'data/aquarium/train.{seed}@60images-unlabeled.json',
}

recipes = [
    dict(
        name='YOLOX-Nano, teacher', config='configs/yolox_nano/teacher_aquarium.py', options=labeled
    ),
    dict(
        name='YOLOX-Nano, student',
        config='configs/yolox_nano/student_aquarium.py',
        start='YOLOX-Nano, teacher',
        options=both,
    ),
    dict(
        name='YOLOX-Nano, supervised',
        config='configs/yolox_nano/supervised_aquarium.py',
        options=labeled,
    ),
    dict(
        name='lite, teacher',
        config='configs/lite/teacher_aquarium.py',
        options={**labeled, 'train_cfg.max_iters': 500, 'train_cfg.val_interval': 250},
    ),
    dict(
        name='lite, student',
        config='configs/lite/student_aquarium.py',
        start='lite, teacher',
        options={**both, 'train_cfg.max_iters': 220, 'train_cfg.val_interval': 110},
    ),
    dict(
        name='lite, supervised',
        config='configs/lite/supervised_aquarium.py',
        options={**labeled, 'train_cfg.max_iters': 1000, 'train_cfg.val_interval': 100},
    ),
]

findings = (
    'The student with an EMA teacher gains 1.3, 2.1 and 2.7 AP over the detector that it starts from. The supervised '
    'row of this recipe is not complete yet; an earlier one of 519 seconds ended at 17.8, 19.2 and 16.4 AP on the same '
    'three draws. The rows of the lite detector have not been run.'
)
