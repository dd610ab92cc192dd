"""Importing this makes tiny runs quick: what mmengine does anew in each run, though it comes out the same, once.

A run of a toy model takes a tenth of a second; without this, most of it would be

* the text of its config, which yapf lays out six times a run (it stays the same Python, in longer lines),
* a search of all folders of ``sys.path`` for a module named like a type, in each registry that does not have the type,
* two processes that ask for the compiler and for the git commit,
* the axes of a figure that is never drawn.
"""

import functools

from mmengine.registry import registry
from mmengine.runner import runner
from mmengine.visualization import Visualizer
from yapf.yapflib import yapf_api


def _unformatted(text: str, **_: object) -> tuple[str, bool]:
    return text, False


_import_object = registry.get_object_from_string
_new_figure = Visualizer._initialize_fig


def _object_of(name: str) -> object:
    return _import_object(name) if '.' in name else None


@functools.cache
def _figure(**settings: object) -> tuple:
    return _new_figure(None, settings)


yapf_api.FormatCode = _unformatted  # mmengine imports it when it formats
registry.get_object_from_string = _object_of
runner.collect_env = functools.cache(runner.collect_env)
runner.get_git_hash = functools.cache(runner.get_git_hash)
Visualizer._initialize_fig = lambda self, settings: _figure(**settings)
