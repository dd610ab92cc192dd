"""Batches of a burn-in, with and without the unlabeled images that it does not use."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from demo_drawings import make_demo_data
from speed_ratios.data import opencv_threads
from speed_ratios.detectors import CONFIGS
from speed_ratios.rows import Setting, in_turns
from speed_ratios.table import milliseconds

CONFIG = CONFIGS / 'unbiased_teacher/demo.py'
ALL = 10**9  # batches
IMAGES = dict(num_labeled=16, num_unlabeled=16, num_val=1)


def burn_in_table(setting: Setting) -> list[list[str]]:
    """Milliseconds per batch of Unbiased Teacher's demo in one process without workers; a header first."""
    batches = 2 if setting.quick else 8
    with opencv_threads(0), tempfile.TemporaryDirectory() as folder:
        make_demo_data(Path(folder), min_boxes_per_class=1, **IMAGES)
        late, whole = (loader(Path(folder), waits) for waits in (True, False))
        ours, theirs = in_turns(setting, lambda: draw(late, batches), lambda: draw(whole, batches))
    times = [[seconds / batches for seconds in one] for one in (ours, theirs)]
    return [
        ['images of a batch', 'where', 'ms a batch'],
        ['labeled', 'in the burn-in', milliseconds(times[0])],
        ['labeled and unlabeled', 'after it', milliseconds(times[1])],
    ]


def loader(data: Path, waits: bool) -> Any:
    """The config's loader on other data, as in its burn-in or after it."""
    config = Config.fromfile(CONFIG).train_dataloader
    config.update(num_workers=0, persistent_workers=False)
    config.dataset.labeled.data_root = f'{data}/'
    config.dataset.unlabeled.images = f'{data}/unlabeled'
    built = Runner.build_dataloader(config, seed=0)
    built.sampler.wait(ALL if waits else 0)
    return built


def draw(batches: Any, number: int) -> None:
    """The first batches, the same in each call."""
    for _ in islice(iter(batches), number):
        pass
