"""How fast a start from COCO may be learned over, on a set whose classes COCO has and on one of others."""

title = 'The learning rate after a start from COCO'
note = (
    'YOLOX-Nano at 416 px from COCO, batch norm fixed, 800 iterations of supervised training at four rates of AdamW, '
    'evaluated every 200. COCO has all 20 classes of voc12mini (10 % of `train.json` labeled) and none of the 7 of '
    'aquarium (60 images labeled); another draw for each seed. "first" is the evaluation after one step at a rate of '
    'next to nothing: the start itself.'
)
LABELED = dict(voc12mini='train.{seed}@10', aquarium='train.{seed}@60images')
RATES = {
    'voc12mini': (0.00002, 0.00005, 0.0001, 0.0005),
    'aquarium': (0.00005, 0.0001, 0.0005, 0.001),
}

recipes = []
for data, file in LABELED.items():
    labeled = {
        'train_dataloader.dataset.labeled.ann_file': f'{file}.json',
        'val_evaluator.train_ann_file': f'data/{data}/{file}.json',
        'test_evaluator.train_ann_file': f'data/{data}/{file}.json',
        'train_cfg.val_interval': 200,
    }
    config = f'configs/yolox_nano/teacher_{data}.py'
    first = {'train_cfg.max_iters': 1, 'optim_wrapper.optimizer.lr': 1e-12}
    recipes.append(dict(name=f'{data}, first', config=config, options={**labeled, **first}))
    recipes += [
        dict(
            name=f'{data}, {rate:g}',
            config=config,
            options={**labeled, 'optim_wrapper.optimizer.lr': rate},
        )
        for rate in RATES[data]
    ]
findings = 'Not run yet.'
