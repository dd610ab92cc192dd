"""Another tracker is one line of a config, as docs/get_started.md writes it."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/get_started.md').read_text()
LINES = re.findall(r'^visualizer = .*VisBackend.*$', PAGE, re.M)
NAMES = re.findall(r"`((?:init_kwargs|exp_name)=.*?'cells'\)?)` of", PAGE)


def test_the_three_trackers_are_seen():
    names = re.findall(r"type='(\w+)VisBackend'", '\n'.join(LINES))
    assert names == ['Wandb', 'MLflow', 'ClearML']
    assert len(NAMES) == 3


@pytest.mark.parametrize('named', [False, True])
@pytest.mark.parametrize(('line', 'name'), list(zip(LINES, NAMES, strict=True)))
def test_a_tracker_by_one_line(line, name, named, tmp_path):
    """It comes beside the files and TensorBoard, takes the arguments, and is the student's, too."""
    line = line.replace("Backend')", f"Backend', {name})") if named else line
    (tmp_path / 'teacher.py').write_text(f"_base_ = '{ROOT}/configs/demo/teacher.py'\n{line}\n")
    (tmp_path / 'student.py').write_text("_base_ = './teacher.py'\n")
    visualizer = Config.fromfile(tmp_path / 'student.py').visualizer
    *usual, tracker = visualizer.vis_backends
    assert [backend.type for backend in usual] == ['LocalVisBackend', 'TensorboardVisBackend']
    assert visualizer.type == 'DetLocalVisualizer'
    built = VISBACKENDS.build(dict(tracker, save_dir=str(tmp_path / 'run')))
    assert len(tracker) == 1 + named
    assert type(built).__name__ == tracker.type and tracker.type in line
