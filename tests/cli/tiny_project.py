"""A project as ``mmssod new`` writes one, around a tiny detector: three trainings of a few iterations."""

import sys
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config

TESTS = Path(__file__).parents[1]
if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))

from small_training import small_config, small_data  # noqa: E402

LENGTHS = dict(teacher=4, student=4, supervised=6)
INTERVAL = 2


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
        cfg = _config(folder, data, name, lengths[name], lengths['teacher'])
        cfg.custom_hooks = list(hooks)
        texts = (f'{key} = {value!r}\n' for key, value in cfg.to_dict().items())
        (folder / f'{name}.py').write_text(''.join(texts))
    (folder / 'data.py').write_text('step_seconds = 0.1\n')
    return folder


def tiny_data(folder: Path) -> Path:
    return small_data(folder)


def _config(folder, data, name, length, teacher) -> Config:
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
