"""Learning rates for a start from COCO, on a data set with COCO's classes and on one with others."""

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
findings = (
    'A start that knows the classes is a detector already: 30.6 AP before the first iteration. At 0.00002 it '
    'gains 2 to 3 AP in 200 iterations and keeps them; at 0.00005 it loses 3 AP, at 0.0001 6, and at 0.0005, at '
    'which new classes are learned best, it falls to 7 and comes back to 12. Where no class is known, a lower '
    'rate is only slower: 12 and 15 AP against 17; a higher one gains nothing. So `mmssod new` lowers the rate by '
    'the share of known classes, to a twenty-fifth for all of them, and the configs of voc12mini have that rate. '
    'One draw; voc12mini has classes of one to ten boxes to judge on, so a difference of one or two AP there '
    'means nothing.'
)
