"""mmdet's own tests pass with mmssod imported where they pass without it.

mmdet's packages bring no tests: name the folder ``tests`` of a clone of its release by ``MMSSOD_MMDET_TESTS``. Without
mmcv's compiled operators some fail alone and pass with mmssod, which brings operators.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

VARIABLE = 'MMSSOD_MMDET_TESTS'
FILES = (  # what mmssod's classes build on, and what its import changes
    'test_apis',
    'test_datasets/test_coco.py',
    'test_datasets/test_dataset_wrappers.py',
    'test_datasets/test_pascal_voc.py',
    'test_datasets/test_samplers',
    'test_datasets/test_transforms',
    'test_engine/test_hooks',
    'test_engine/test_runner',
    'test_evaluation/test_metrics/test_coco_metric.py',
    'test_evaluation/test_metrics/test_dump_det_results.py',
    'test_evaluation/test_metrics/test_voc_metric.py',
    'test_models/test_data_preprocessors/test_data_preprocessor.py',
    'test_models/test_dense_heads',
    'test_models/test_detectors/test_semi_base.py',
    'test_models/test_detectors/test_single_stage.py',
    'test_models/test_detectors/test_two_stage.py',
    'test_models/test_losses',
    'test_models/test_roi_heads',
    'test_models/test_task_modules',
    'test_structures',
    'test_visualization',
)


def outcomes(folder, files, report, *options):
    """'passed', 'failed' or 'skipped' by name of each test."""
    command = [
        *(sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider'),
        *('--continue-on-collection-errors', f'--junitxml={report}'),
    ]
    done = subprocess.run([*command, *options, *files], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
    found = {}
    for case in ElementTree.parse(report).iter('testcase'):
        kinds = {child.tag for child in case}
        kind = (
            'failed'
            if kinds & {'failure', 'error'}
            else 'skipped'
            if 'skipped' in kinds
            else 'passed'
        )
        found[f'{case.get("classname")}.{case.get("name")}'] = kind
    return found


def worse(folder, files, tmp_path):
    """Tests that pass alone and do not with mmssod, by name, and how many passed alone."""
    alone = outcomes(folder, files, tmp_path / 'alone.xml')
    together = outcomes(folder, files, tmp_path / 'together.xml', '-p', 'mmssod')
    passed = [name for name, kind in alone.items() if kind == 'passed']
    return [name for name in passed if together.get(name) != 'passed'], len(passed)


@pytest.mark.slow
@pytest.mark.parametrize('part', FILES)
def test_as_without_mmssod(part, tmp_path):
    if VARIABLE not in os.environ:
        pytest.skip(f'set {VARIABLE} to the folder of the tests in a clone of mmdet')
    folder = Path(os.environ[VARIABLE]).resolve()
    if not (folder / part).exists():
        pytest.skip(f'{folder} has no {part}')
    lost, passed = worse(folder, [part], tmp_path)
    if not passed:
        pytest.skip('none passes alone: this mmcv has no compiled operators')
    assert not lost


@pytest.mark.slow  # imports mmdet twice
def test_a_difference_is_seen(tmp_path):
    (tmp_path / 'test_one.py').write_text(
        'import sys, mmdet.structures\n'
        'def test_same(): pass\n'
        'def test_worse(): assert "mmssod" not in sys.modules\n'
        'def test_better(): assert "mmssod" in sys.modules\n'
    )
    assert worse(tmp_path, ['test_one.py'], tmp_path) == (['test_one.test_worse'], 2)
