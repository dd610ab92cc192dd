"""The shipped runtime and pipelines around a tiny detector: a real run whose iterations take a tenth of a second."""

import json
import math
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from statistics import mean

import torch
from mmengine.config import Config

from demo_drawings import make_demo_data
from mmssod.apis import train
from mmssod.tiny_detectors import tiny_semi

ROOT = Path(__file__).parents[2]
CONFIGS = f'{ROOT}/configs/_base_'
LENGTHS = dict(teacher=4, student=4, supervised=6)
INTERVAL = 2  # of evaluations and checkpoints of a project


def small_data(root: Path) -> Path:
    """Drawn images of 64 px: 8 labeled, 6 unlabeled, 2 to evaluate on, three classes."""
    make_demo_data(
        root,
        num_labeled=8,
        num_unlabeled=6,
        num_val=2,
        size=64,
        num_classes=3,
        min_boxes_per_class=1,
    )
    return root


def small_config(
    data: Path, tmp_path: Path, max_iters: int, workers: int = 0, val_interval: int = 0
) -> Config:
    """The shipped runtime and pipelines around a tiny detector with an EMA teacher and class balance.

    Without ``val_interval`` nothing is evaluated.
    """
    heir = tmp_path / 'config.py'
    base = (
        f"_base_ = ['{CONFIGS}/datasets/demo.py', '{CONFIGS}/adamw_lite.py', "
        f"'{CONFIGS}/semi.py', '{CONFIGS}/default_runtime.py']\n"
    )
    heir.write_text(base)
    cfg = Config.fromfile(heir)
    cfg.model = tiny_semi(
        labeler='EMATeacher',
        balancer=dict(type='ClassBalancer', threshold=0.3, threshold_power=0.05, weight_power=0.6),
    )
    cfg.train_dataloader = cfg.semi_train_dataloader
    loader = cfg.train_dataloader
    loader.update(batch_size=2, num_workers=workers, persistent_workers=workers > 0)
    loader.sampler.counts = dict(labeled=1, unlabeled=1)
    classes = ('blob', 'leaf', 'arrow')
    loader.dataset.labeled.update(data_root=f'{data}/', metainfo=dict(classes=classes))
    loader.dataset.unlabeled.images = f'{data}/unlabeled'
    for source in (loader.dataset.labeled, loader.dataset.unlabeled):
        source.pipeline.resize.scale = (64, 64)
    if val_interval:
        _evaluate_on(cfg, data, classes)
    else:
        cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.default_hooks.update(cfg.semi_hooks)
    cfg.default_hooks.ema = dict(type='EMATeacherHook', ema_decay=0.9)
    cfg.default_hooks.checkpoint.interval = 2
    cfg.default_hooks.class_balance.interval = 2  # lines to compare
    cfg.train_cfg = dict(
        type='IterBasedTrainLoop', max_iters=max_iters, val_interval=val_interval or 1000
    )
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4)]
    return cfg


def _evaluate_on(cfg: Config, data: Path, classes: tuple[str, ...]) -> None:
    """The drawn images of ``val.json``, in their own size."""
    loader = cfg.val_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    loader.dataset.update(data_root=f'{data}/', metainfo=dict(classes=classes))
    next(step for step in loader.dataset.pipeline if step.type == 'Resize').scale = (64, 64)
    cfg.val_evaluator.update(ann_file=f'{data}/val.json', train_ann_file=f'{data}/train.json')


def cut_and_whole(
    make: Callable[[int], Config], folder: Path, cut: int, iterations: int
) -> tuple[dict, dict]:
    """Last checkpoints of a run, and of one that goes on from its checkpoint after ``cut`` iterations.

    The weights of both are the same, to the bit. ``make`` gives the config of so many iterations.
    """
    ends = []
    for name in ('whole', 'parts'):
        cfg = make(iterations)
        cfg.default_hooks.checkpoint.interval = cut
        cfg.default_hooks.logger.interval = cfg.log_processor.window_size = 1
        checkpoint = str(folder / f'whole/iter_{cut}.pth') if name == 'parts' else False
        train(cfg, work_dir=str(folder / name), seed=0, resume=checkpoint)
        ends.append(torch.load(folder / f'{name}/iter_{iterations}.pth', weights_only=False))
    states, others = (end['state_dict'] for end in ends)
    assert states.keys() == others.keys()
    for name, value in states.items():
        assert torch.equal(value, others[name]), name
    return ends[0], ends[1]


def logged(folder: Path) -> list[dict]:
    """What each iteration of a run logged; all of it is finite."""
    files = sorted(folder.glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    lines = [line for line in lines if 'loss' in line]
    assert all(math.isfinite(value) for line in lines for value in line.values())
    return lines


def assert_class_losses_fall(lines: list[dict], branch: str) -> None:
    """The sum over all layers of a DINO; iterations without such a loss do not count."""
    layers = re.compile(rf'{branch}(enc_|dn_|d\d\.)*(dn_)?loss_cls')
    sums = [sum(v for name, v in line.items() if layers.fullmatch(name)) for line in lines]
    sums = [value for value in sums if value]
    assert len(sums) > 30 and mean(sums[-10:]) < 0.8 * mean(sums[:10]), branch


def make_project(folder: Path, data: Path, lengths=None, hooks=()) -> Path:
    """``teacher.py``, ``student.py`` and ``supervised.py`` in a folder; evaluations and checkpoints every 2 iterations.

    Args:
        folder: Where; its configs name their work directories below it.
        data: What ``small_data`` has drawn.
        lengths: Iterations by name; by default ``LENGTHS``.
        hooks: Configs of more hooks, of all trainings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lengths = lengths or LENGTHS
    for name in lengths:
        cfg = _project_config(folder, data, name, lengths[name], lengths['teacher'])
        cfg.custom_hooks = list(hooks)
        texts = (f'{key} = {value!r}\n' for key, value in cfg.to_dict().items())
        (folder / f'{name}.py').write_text(''.join(texts))
    (folder / 'data.py').write_text('step_seconds = 0.1\n')
    return folder


def _project_config(folder, data, name, length, teacher) -> Config:
    cfg = small_config(data, folder, length, val_interval=INTERVAL)
    (folder / 'config.py').unlink()
    cfg.pop('_base_', None)
    cfg.test_cfg = dict(type='TestLoop')
    cfg.test_dataloader, cfg.test_evaluator = (
        deepcopy(cfg.val_dataloader),
        deepcopy(cfg.val_evaluator),
    )
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=length, val_interval=INTERVAL)
    cfg.default_hooks.checkpoint.interval = INTERVAL
    cfg.default_hooks.preflight.read_images = 0
    if name == 'student':
        cfg.load_from = str(folder / 'work_dirs/teacher' / f'iter_{teacher}.pth')
    else:
        cfg.model = cfg.model.detector
        for hook in ('ema', *cfg.semi_hooks):
            cfg.default_hooks.pop(hook)
        loader = cfg.train_dataloader
        loader.dataset.pop('unlabeled')
        loader.dataset.labeled.pipeline.pop('branch')
        loader.dataset.labeled.pipeline.pack = cfg.pack
        loader.batch_size, loader.sampler.counts = 1, dict(labeled=1)
    cfg.work_dir = str(folder / 'work_dirs' / name)
    return cfg
