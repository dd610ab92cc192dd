"""What a training leaves, without the training: a config, a checkpoint of random weights, a few images."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmssod.tiny_detectors import CLASSES, tiny_detector

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)


def images(folder, count=3):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = np.random.RandomState(number).randint(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
        assert cv2.imwrite(str(folder / f'{number}.png'), image)


def annotations(count=3):
    return dict(
        images=[dict(id=i, file_name=f'{i}.png', width=64, height=48) for i in range(count)],
        categories=[dict(id=n + 1, name=name) for n, name in enumerate(CLASSES)],
        annotations=[
            dict(
                id=i + 1,
                image_id=i,
                category_id=1 + i % 3,
                bbox=[4, 5, 30, 20],
                area=600,
                iscrowd=0,
            )
            for i in range(count)
        ],
    )


def make_run(folder, head='bucket', semi=True):
    """``config.py``, ``iter_1.pth`` and data in a folder.

    Student and teacher have different weights that find boxes everywhere.
    """
    folder = Path(folder)
    for name in ('val', 'labeled', 'unlabeled'):
        images(folder / name)
    for name in ('val', 'labeled'):
        (folder / f'{name}.json').write_text(json.dumps(annotations()))
    with DefaultScope.overwrite_default_scope('mmdet'):
        cfg = run_config(folder, head, semi)
        # Not `dump`, which lays the text out for seconds.
        lines = [f'{key} = {value!r}\n' for key, value in cfg.to_dict().items()]
        (folder / 'config.py').write_text(''.join(lines))
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
        model.init_weights()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if 'fc_cls' in name:
                torch.nn.init.normal_(weight, std=20.0)
    meta = dict(dataset_meta=dict(classes=CLASSES), iter=1)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'iter_1.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_1.pth'))
    return folder


def run_config(folder, head, semi):
    configs = ROOT / 'configs/_base_'
    base = [
        configs / 'datasets/small_images.py',
        configs / 'adamw_lite.py',
        configs / 'default_runtime.py',
        configs / 'semi.py',
    ]
    text = ''.join(f'{str(path)!r},' for path in base)
    (folder / 'base.py').write_text(f'_base_ = [{text}]\nscale = (64, 48)\n')
    cfg = Config.fromfile(folder / 'base.py')
    detector = tiny_detector(head)
    cfg.model = dict(cfg.semi, detector=detector) if semi else detector
    if semi:
        cfg.model.balancer.threshold = 0.3
    metainfo = dict(classes=CLASSES)
    parts = {
        name: dict(
            ann_file=str(folder / f'{name}.json'),
            data_prefix=dict(img=str(folder / name)),
            metainfo=metainfo,
        )
        for name in ('val', 'labeled')
    }
    cfg.test_dataloader.dataset.update(parts['val'])
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.val_dataloader = cfg.test_dataloader
    cfg.test_evaluator.update(ann_file=parts['val']['ann_file'])
    cfg.val_evaluator = cfg.test_evaluator
    loader = cfg.semi_train_dataloader if semi else cfg.train_dataloader
    loader.dataset.labeled.update(parts['labeled'])
    if semi:
        loader.dataset.unlabeled.update(images=str(folder / 'unlabeled'))
    loader.update(num_workers=0, persistent_workers=False)
    cfg.train_dataloader = loader
    cfg.work_dir = str(folder)
    return cfg
