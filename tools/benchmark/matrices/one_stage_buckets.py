"""The paper's localization in a one-stage detector: YOLOX-Nano from COCO with and without buckets, on labels alone."""

title = 'Buckets in a one-stage detector: YOLOX-Nano'
note = (
    'YOLOX-Nano at 416 px from COCO, batch norm fixed, trained on 60 labeled images of the aquarium and on 20 of bccd, '
    'another draw for each seed (`tools/dataset/split.py`, protocol `count`); evaluated on `val.json`. "Buckets" is '
    '`BucketYOLOXHead`: a choice among K buckets for each side of the box that YOLOX regresses, then an offset; K = 8. '
    'Boxes with buckets are ranked by p*v, plain ones by p.'
)
IMAGES = dict(aquarium=60, bccd=20)


def labeled(name):
    """Options that draw the labeled images of a set by the seed."""
    file = f'train.{{seed}}@{IMAGES[name]}images.json'
    return {
        'train_dataloader.dataset.labeled.ann_file': file,
        'val_evaluator.train_ann_file': f'data/{name}/{file}',
        'test_evaluator.train_ann_file': f'data/{name}/{file}',
    }


recipes = []
for data in IMAGES:
    config = f'configs/yolox_nano/teacher_bucket_{data}.py'
    recipes += [
        dict(
            name=f'{data}, plain',
            config=f'configs/yolox_nano/teacher_{data}.py',
            options=labeled(data),
        ),
        dict(name=f'{data}, buckets', config=config, options=labeled(data)),
    ]
