"""Tools and functions of mmdet and mmengine with what runs leave: configs, checkpoints, jsons."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import mmdet
import numpy as np
import pytest
from builders.small_run import make_run
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmdet.registry import DATASETS, VISUALIZERS
from mmengine import hub
from mmengine.config import Config
from mmengine.visualization import Visualizer

from mmssod import apis
from mmssod.apis.config import build_runner
from mmssod.datasets.split import write_coco
from mmssod.tiny_detectors import CLASSES

TOOLS = Path(mmdet.__file__).parent / '.mim/tools/analysis_tools'


@pytest.fixture(scope='module', params=['student', 'plain'])
def run(request, tmp_path_factory):
    """A student with its teacher, and a plain detector."""
    return make_run(tmp_path_factory.mktemp('run'), semi=request.param == 'student')


def needs(tool):
    if not (TOOLS / tool).is_file():
        pytest.skip(f'this mmdet brings no {tool}')


def test_init_detector_and_inference_detector(run):
    config, checkpoint = str(run / 'config.py'), str(run / 'iter_1.pth')
    model = init_detector(config, checkpoint, device='cpu')
    assert tuple(model.dataset_meta['classes']) == tuple(CLASSES)
    image = run / 'val/0.png'
    of_file = inference_detector(model, str(image)).pred_instances
    of_array = inference_detector(model, cv2.imread(str(image))).pred_instances
    expected = [box for box in apis.predict(config, checkpoint) if box['image_id'] == 0]
    assert len(expected) > 3
    for found in (of_file, of_array):
        np.testing.assert_allclose(found.scores, [box['score'] for box in expected], atol=1e-5)


def test_det_inferencer(run):
    """With a config as a training dumps it."""
    cfg = Config.fromfile(run / 'config.py')
    cfg.dump(run / 'dumped.py')
    image = str(run / 'val/0.png')
    finder = DetInferencer(
        str(run / 'dumped.py'), str(run / 'iter_1.pth'), device='cpu', show_progress=False
    )
    found = finder([image, cv2.imread(image)], no_save_vis=True)['predictions']
    model = init_detector(cfg, str(run / 'iter_1.pth'), device='cpu')
    expected = inference_detector(model, image).pred_instances.scores
    for each in found:
        np.testing.assert_allclose(each['scores'], expected, atol=1e-5)


def test_the_visualizer_of_a_config(run):
    """As ``browse_dataset`` and the video demos build it; runs have one of their own all the same."""
    cfg = Config.fromfile(run / 'config.py')
    visualizer = VISUALIZERS.build(cfg.visualizer)
    visualizer.dataset_meta = dict(classes=CLASSES)
    runners = []
    for name in ('one', 'two'):
        own = Config(cfg.to_dict())
        own.work_dir, own.experiment_name = str(run / name), f'{run.name}_{name}'
        runners.append(build_runner(own))
    names = {runner.visualizer.instance_name for runner in runners}
    assert len(names) == 2 and Visualizer.check_instance_created('visualizer')
    assert runners[0].cfg.visualizer.name == 'visualizer'  # in what is dumped


@pytest.mark.parametrize('package', ['mmssod', 'mmdet'])
def test_models_of_the_hub(package):
    name = dict(mmssod='demo/teacher.py', mmdet='yolox/yolox_tiny_8xb8-300e_coco.py')[package]
    assert 'model' in hub.get_config(f'{package}::{name}')
    model = hub.get_model(f'{package}::{name}')
    assert sum(weight.numel() for weight in model.parameters()) > 10**5


def test_weights_of_the_hub_are_not_there():
    with pytest.raises(ValueError, match='no weights to download'):
        hub.get_model('mmssod::demo/teacher.py', pretrained=True)


@pytest.mark.slow  # imports mmdet anew
def test_browse_dataset(run, tmp_path):
    needs('browse_dataset.py')
    if 'unlabeled' in Config.fromfile(run / 'config.py').train_dataloader.dataset:
        pytest.skip('it draws images of one source; mmssod browse draws those of several')
    tool = str(TOOLS / 'browse_dataset.py')
    command = [
        sys.executable,
        '-c',
        f'import mmssod, runpy; runpy.run_path({tool!r}, run_name="__main__")',
    ]
    options = [str(run / 'config.py'), '--output-dir', str(tmp_path / 'out'), '--not-show']
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert {file.name for file in (tmp_path / 'out').iterdir()} == {'0.png', '1.png', '2.png'}


def test_analysis_of_results(run, tmp_path, monkeypatch):
    """``analyze_results`` on a set of the config and the predictions that ``mmssod test --out`` writes."""
    needs('analyze_results.py')
    monkeypatch.syspath_prepend(str(TOOLS))
    from analyze_results import ResultVisualizer
    from mmdet.evaluation import eval_map

    cfg = Config.fromfile(run / 'config.py')
    apis.test(cfg, str(run / 'iter_1.pth'), work_dir=str(tmp_path), out=str(tmp_path / 'found.pkl'))
    found = pickle.loads((tmp_path / 'found.pkl').read_bytes())
    steps = [dict(type='LoadWholeImage'), dict(type='LoadAnnotations', with_bbox=True)]
    dataset = DATASETS.build({**cfg.test_dataloader.dataset, 'pipeline': steps})

    def mean_ap(boxes, truth):
        return eval_map([boxes], [truth], logger='silent', nproc=0)[0]

    shown = ResultVisualizer.__new__(ResultVisualizer)
    good, bad = shown.detection_evaluate(dataset, found, topk=1, eval_fn=mean_ap)
    assert len(found) == 3 and 0 <= bad[0][1] <= good[0][1] <= 1


def test_categories_have_what_coco_error_analysis_asks_for(tmp_path):
    content = dict(
        images=[],
        annotations=[],
        categories=[
            dict(id=1, name='ant'),
            dict(id=2, name='bee', supercategory='insect'),
            dict(id=3, name='cat', supercategory=None),
        ],
    )
    write_coco(content, tmp_path / 'a.json')
    written = json.loads((tmp_path / 'a.json').read_text())['categories']
    assert [each['supercategory'] for each in written] == ['none', 'insect', 'none']
    assert 'supercategory' not in content['categories'][0]


@pytest.mark.slow  # imports mmdet anew
def test_mmdet_before_mmssod():
    """It works, as with compiled operators, or says what to do."""
    code = (
        'try:\n    import mmdet.models\nexcept ImportError:\n    pass\n'
        'import mmssod; from mmdet.models.dense_heads.base_dense_head import batched_nms; assert batched_nms'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    if done.returncode:
        assert 'import mmssod first' in done.stderr and 'restarted' in done.stderr, done.stderr
