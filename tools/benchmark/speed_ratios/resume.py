"""Time of the first step after a resume, which must not depend on how many iterations were done before."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from demo_drawings import make_demo_data
from mmssod.apis.config import build_runner, load_config
from mmssod.apis.training import close
from mmssod.tiny_detectors import tiny_semi
from speed_ratios.detectors import CONFIGS
from speed_ratios.rows import Measured, Row, Setting, in_turns

EARLY, LATE = 100, 100_000
CLASSES = ('blob', 'leaf', 'arrow')


def tiny_run(folder: Path) -> Config:
    """The shipped runtime, data pipelines and hooks around a tiny detector with an EMA teacher; 64 px images."""
    size = dict(num_labeled=8, num_unlabeled=8, num_val=1, size=64, num_classes=len(CLASSES))
    make_demo_data(folder / 'data', min_boxes_per_class=1, **size)
    bases = ['datasets/demo', 'adamw_lite', 'semi', 'default_runtime']
    heir = folder / 'config.py'
    files = [str(CONFIGS / '_base_' / f'{base}.py') for base in bases]
    heir.write_text(f'_base_ = {files}\nmodel = {tiny_semi(labeler="EMATeacher")}\n')
    cfg = load_config(heir, work_dir=str(folder / 'run'), seed=0)
    cfg.train_dataloader = cfg.semi_train_dataloader
    loader = cfg.train_dataloader
    loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    loader.sampler.counts = dict(labeled=1, unlabeled=1)
    data = folder / 'data'
    loader.dataset.labeled.update(data_root=f'{data}/', metainfo=dict(classes=CLASSES))
    loader.dataset.unlabeled.images = f'{data}/unlabeled'
    for source in (loader.dataset.labeled, loader.dataset.unlabeled):
        source.pipeline.resize.scale = (64, 64)
    for name in ('val', 'test'):
        cfg.update({f'{name}_dataloader': None, f'{name}_evaluator': None, f'{name}_cfg': None})
    cfg.default_hooks.update(cfg.semi_hooks, ema=dict(type='EMATeacherHook'))
    cfg.visualizer.vis_backends = []
    cfg.param_scheduler = [dict(type='ConstantLR', factor=1.0, by_epoch=False)]
    cfg.log_level = 'ERROR'
    return cfg


class FirstStep:
    """A run that starts from a checkpoint, trains one iteration and saves; it is built outside the clock.

    Args:
        cfg: Config of the run.
        iteration: At which it starts.
        start: The checkpoint; '' for none.
    """

    def __init__(self, cfg: Config, iteration: int, start: str = '') -> None:
        self.cfg = copy.deepcopy(cfg)
        self.cfg.resume, self.cfg.load_from = bool(start), start or None
        self.cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=iteration + 1)
        self.runner: Any = None

    def prepare(self) -> None:
        """Build the run."""
        self.runner = build_runner(copy.deepcopy(self.cfg))

    def run(self) -> None:
        """Load, train, save."""
        try:
            self.runner.train()
        finally:
            close(self.runner)


def resume(setting: Setting) -> Measured:
    """From a checkpoint of iteration 100 000, against one of iteration 100.

    They differ by that number and by the length of the log in them, which is the longest that a run keeps.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cfg = tiny_run(folder)
        before = FirstStep(cfg, 0)
        before.prepare()
        before.run()
        stored = CheckpointLoader.load_checkpoint(str(folder / 'run/iter_1.pth'), 'cpu')
        kept = 2 * cfg.default_hooks.short_history.length - 1
        runs = []
        for number in (LATE, EARLY):
            stored['meta']['iter'] = number
            log = stored['message_hub']['log_scalars']
            log.update((name, repeated(log[name], min(number, kept))) for name in list(log))
            torch.save(stored, folder / f'start_{number}.pth')
            runs.append(FirstStep(cfg, number, str(folder / f'start_{number}.pth')))
        late, early = in_turns(
            setting, runs[0].run, runs[1].run, prepare=(runs[0].prepare, runs[1].prepare)
        )
    return Measured(late, early, note='loading and saving included, tiny detector')


def repeated(history: HistoryBuffer, length: int) -> HistoryBuffer:
    """A log of so many values, all like its newest."""
    values, counts = history.data
    return HistoryBuffer([values[-1]] * length, [counts[-1]] * length)


ROWS = (
    # A tenth is what two equal starts differ by; loading the past would take minutes.
    Row(
        'resume',
        'first step after resume at iteration 100 000 / at iteration 100 (no slower: within 10 %)',
        1.10,
        resume,
        quick=False,
    ),
)
