"""Semi-supervised object detection on MMDetection; importing this package is all a config needs.

The order of the steps below matters:

1. the environment check, before anything that a broken installation would make fail with a
   message of its own;
2. checkpoints are read as data, by a list of types; those in safetensors files, too;
3. the stand-in for mmcv's compiled operators, before the first import of ``mmcv.ops`` or
   ``mmdet.models``;
4. mmengine learns where mmssod's configs lie, so that one may build on ``mmssod::demo/teacher.py``;
5. mmdet's data sets, without what their import prints of a service that nobody here asked for;
6. the subpackages, whose import enters their classes in MMDetection's registries;
7. mmdet's ``init_detector`` and ``DetInferencer``, which then take the configs of runs.
"""

import contextlib
import importlib
import io
from typing import Any

from mmssod import environment
from mmssod.version import __version__

environment.check()

from mmssod import ops  # noqa: E402
from mmssod.environment.checkpoints import guard_loading  # noqa: E402
from mmssod.environment.named_configs import read_named_configs  # noqa: E402

guard_loading()
ops.install()
read_named_configs()
with contextlib.redirect_stdout(io.StringIO()):
    importlib.import_module('mmdet.datasets')

from mmssod import datasets, engine, evaluation, methods, models  # noqa: E402
from mmssod.environment.mmdet_apis import admit_runs  # noqa: E402
from mmssod.label_bank.labeler import LabelBank  # noqa: E402, F401

admit_runs()

# For programs and notebooks; loaded at first use, since training needs nothing of them.
LATE = dict(new='project', Project='project', Detector='detector')


def __getattr__(name: str) -> Any:
    if name not in LATE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'mmssod.own_data.{LATE[name]}'), name)


__all__ = [
    'Detector',
    'Project',
    '__version__',
    'datasets',
    'engine',
    'environment',
    'evaluation',
    'methods',
    'models',
    'new',
    'ops',
]
