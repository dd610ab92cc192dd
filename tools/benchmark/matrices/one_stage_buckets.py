"""The paper's localization in a one-stage detector: YOLOX-Nano from COCO with and without buckets, labels alone."""

title = 'Buckets in a one-stage detector: YOLOX-Nano'
note = (
    'YOLOX-Nano at 320 px from COCO, batch norm fixed, trained on 60 labeled images of the aquarium and on 20 of bccd '
    '(`tools/dataset/split.py`, protocol `count`, fold `$FOLD`); evaluated on `val.json`. "Buckets" is `BucketYOLOXHead`: '
    'K buckets a side around the box that YOLOX regresses, K = 8 where it is not written. Boxes are ranked by p*v, those '
    'of "plain" by p.'
)
K16 = {'model.bbox_head.bbox_coder.num_buckets': 16}

recipes = [
    dict(name='aquarium, plain', config='configs/yolox_nano/supervised_aquarium.py'),
    dict(name='aquarium, buckets', config='configs/yolox_nano/supervised_bucket_aquarium.py'),
    dict(
        name='aquarium, buckets, K = 16',
        config='configs/yolox_nano/supervised_bucket_aquarium.py',
        options=K16,
    ),
    dict(name='bccd, plain', config='configs/yolox_nano/supervised_bccd.py'),
    dict(name='bccd, buckets', config='configs/yolox_nano/supervised_bucket_bccd.py'),
]
