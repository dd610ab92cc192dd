"""Bad input on the path that users take: a tiny config with a fault, through ``apis.train`` or ``apis.dry_run``."""

import json
import shutil
import tempfile
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

from bad_input_cases import error_of
from builders.trainings import small_config, small_data
from mmengine.config import Config

from mmssod import apis

CLASSES = ('blob', 'leaf', 'arrow')


@lru_cache(maxsize=1)
def _data() -> Path:
    """Drawn images, once in a process."""
    return small_data(Path(tempfile.mkdtemp(prefix='bad_input_')) / 'data')


def tiny(folder: Path, **options) -> Config:
    """A config that trains, on images of its own; options replace values by key, dots written as ``__``."""
    shutil.copytree(_data(), folder / 'data', dirs_exist_ok=True)
    cfg = small_config(folder / 'data', folder, max_iters=2)
    cfg.default_hooks.preflight.read_images = 0
    return changed(cfg, {key.replace('__', '.'): value for key, value in options.items()})


def changed(cfg: Config, options: dict) -> Config:
    """The config with values by dotted key; it is changed."""
    cfg.merge_from_dict(deepcopy(options))
    return cfg


def change_labeled(cfg, change: dict) -> None:
    """Another content of the json of the labeled images."""
    labeled = cfg.train_dataloader.dataset.labeled
    file = Path(labeled.data_root) / labeled.ann_file
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))


def trained(cfg: Config, **options) -> str:
    """What ``apis.train`` says of a config, which must come before anything is written."""
    work_dir = Path(cfg.filename).parent / 'run'
    said = error_of(apis.train, cfg, work_dir=str(work_dir), **options)
    assert not work_dir.exists(), said
    return said


def tried(cfg: Config) -> str:
    """What ``apis.dry_run`` says of a config."""
    return error_of(apis.dry_run, cfg)
