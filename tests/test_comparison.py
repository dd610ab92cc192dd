"""The comparison of teacher, student and longer supervised training: figures, tables, nothing run twice."""

import json
from dataclasses import asdict

import pytest

from mmssod.apis import comparison
from mmssod.apis.comparison import Run, markdown, run_once, spread, table


def a_run(name='teacher', seed=0, ap=0.25, **metrics):
    metrics = {'coco/bbox_mAP': ap, 'coco/bbox_mAP_50': 0.5, **metrics}
    return Run(
        name, 'configs/demo/teacher.py', seed, 400, 60.4, metrics, {'torch': '2.11.0'}, '2026-01-02'
    )


def test_spread_hand_worked():
    assert spread([]) == ''
    assert spread([20.0]) == '20.0'
    assert spread([20.0, 22.0]) == '21.0 ± 1.4'
    assert spread([20.0, None]) == ''


def test_table_has_a_row_a_name_and_only_columns_with_figures():
    rows = table([a_run(), a_run(seed=1, ap=0.27), a_run('student', ap=0.3)])
    assert rows[0] == ['', 'iterations', 'AP', 'AP50', 'seconds']
    assert rows[1] == ['teacher', '400', '26.0 ± 1.4', '50.0 ± 0.0', '60']
    assert rows[2] == ['student', '400', '30.0', '50.0', '60']


def test_page_states_data_seed_versions_and_date():
    page = markdown([a_run()], 'Demo', 'What it is.', 'python tools/demo.py')
    for text in ('# Demo', 'What it is.', 'python tools/demo.py', '2026-01-02', 'torch', '25.0'):
        assert text in page


def test_finished_runs_are_not_run_again(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        pytest.fail('trained again')

    monkeypatch.setattr(comparison, 'train', fail)
    (tmp_path / 'teacher.json').write_text(json.dumps(asdict(a_run())))
    assert run_once('teacher', 'configs/demo/teacher.py', 0, tmp_path) == a_run()


def test_a_run_leaves_its_figures_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, 'train', lambda *args, **kwargs: {'coco/bbox_mAP': 0.5})
    config = tmp_path / 'config.py'
    config.write_text('train_cfg = dict(max_iters=7)\n')
    run = run_once('student', str(config), 3, tmp_path)
    assert run.figure('AP') == 50
    assert run.figure('AP75') is None
    assert run.iterations == 7
    assert Run(**json.loads((tmp_path / 'student.json').read_text())) == run
