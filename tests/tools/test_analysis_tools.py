"""The figures' tools, from a checkpoint to a PNG and its numbers, with a tiny detector on drawn images."""

import json
import re
from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import save_checkpoint, set_random_seed

from demo_drawings import make_demo_data
from mmssod import apis
from mmssod.analysis.ap_over_iou import ap_over_iou
from mmssod.apis import detector_outputs, predict
from mmssod.apis.predicting import common_classes
from mmssod.tiny_detectors import tiny_detector

ROOT = Path(__file__).parents[2]
CLASSES = ('blob', 'leaf', 'arrow')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Drawn images of 64 px: 4 labeled, 3 unlabeled with withheld boxes, 2 to evaluate on."""
    root = tmp_path_factory.mktemp('data')
    numbers = dict(num_labeled=4, num_unlabeled=3, num_val=2, size=64, num_classes=3)
    make_demo_data(root, min_boxes_per_class=1, **numbers)
    return root


@pytest.fixture(scope='module')
def detector(data, tmp_path_factory):
    """Config and checkpoint of a detector with random weights."""
    folder = tmp_path_factory.mktemp('detector')
    config, checkpoint = folder / 'tiny.py', folder / 'tiny.pth'
    bases = ('datasets/demo.py', 'adamw_lite.py', 'default_runtime.py')
    config.write_text(f'_base_ = {[f"{ROOT}/configs/_base_/{name}" for name in bases]}\n')
    cfg = Config.fromfile(config)
    cfg.model = tiny_detector()
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=f'{data}/', metainfo=dict(classes=CLASSES))
        loader.dataset.pipeline[1].scale = (64, 64)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.update(ann_file=f'{data}/val.json', train_ann_file=f'{data}/train.json')
    cfg.dump(config)
    set_random_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    save_checkpoint(dict(state_dict=model.state_dict()), str(checkpoint))
    return str(config), str(checkpoint)


@pytest.fixture(scope='module')
def detections(detector, data, tmp_path_factory):
    """What it finds on the evaluation images, saved."""
    file = tmp_path_factory.mktemp('saved') / 'found.json'
    file.write_text(json.dumps(predict(*detector)))
    return str(file)


def test_predict_is_worth_what_test_says(detector, detections, data, tmp_path):
    found = json.loads(Path(detections).read_text())
    assert {box['image_id'] for box in found} == {0, 1}
    assert all(box.keys() >= {'cls_certainty', 'loc_certainty', 'score'} for box in found)
    metrics = apis.test(*detector, work_dir=str(tmp_path))
    outputs = detector_outputs([('tiny', *detector), ('saved', detections)])
    assert outputs.found['tiny'] == outputs.found['saved'] == found
    assert (outputs.classes, outputs.images) == (CLASSES, f'{data}/val/')
    numbers = ap_over_iou(outputs)
    assert numbers['mean']['saved'] == pytest.approx(100 * metrics['coco/bbox_mAP'], abs=1e-4)
    assert list(tmp_path.rglob('detections.json')) == []


def test_predict_leaves_other_images_to_choose(detector, data, tmp_path, call):
    out = tmp_path / 'deep' / 'found.json'
    images = ['--annotations', data / 'unlabeled-withheld.json', '--images', data / 'unlabeled']
    call('analysis/predict.py', *detector, *images, '--out', out)
    withheld = json.loads((data / 'unlabeled-withheld.json').read_text())
    known = {image['id'] for image in withheld['images']}
    assert {box['image_id'] for box in json.loads(out.read_text())} == known


def test_precision_as_a_page(detections, data, tmp_path, call):
    page = tmp_path / 'page.md'
    sources = ['--detections', 'a', detections, '--annotations', data / 'val.json', '--boxes', 3]
    options = ['--out', tmp_path / 'figure.png', '--markdown', page, '--note', 'Two drawings.']
    call('analysis/pseudo_box_precision.py', *sources, *options)
    text = page.read_text()
    assert '## The 3 boxes of the greatest p*v' in text and 'Two drawings.' in text
    numbers = json.loads((tmp_path / 'figure.json').read_text())
    row = next(line for line in text.splitlines() if line.startswith('| a '))
    cells = [cell.strip() for cell in row.strip('|').split('|')]
    assert cells[:2] == ['a', str(numbers['boxes']['a'])]
    assert [float(cell) for cell in cells[2:]] == [round(v, 1) for v in numbers['precision']['a']]
    assert f'--boxes 3 --out {tmp_path}' in text


TOOLS = {
    'ap_over_iou.py': [],
    'pseudo_box_precision.py': ['--threshold', '0.1', '--certainty', 'p'],
    'per_class_ap.py': ['--rare', '2'],
}


@pytest.mark.parametrize('tool', TOOLS)
def test_figures_of_saved_detections(tool, detections, data, tmp_path, call):
    out = tmp_path / 'figure.png'
    more = ['--train-annotations', data / 'train.json'] if tool == 'per_class_ap.py' else []
    sources = ['--detections', 'a', detections, '--detections', 'b', detections]
    truth = ['--annotations', data / 'val.json']
    call(f'analysis/{tool}', *sources, *truth, *TOOLS[tool], *more, '--out', out)
    assert out.stat().st_size > 10_000
    numbers = json.loads(out.with_suffix('.json').read_text())
    curves = numbers.get('precision') or numbers['ap']
    assert curves['a'] == curves['b']
    assert out.with_suffix('.csv').exists() == (tool == 'per_class_ap.py')


def test_pictures_of_a_checkpoint_and_saved_detections(detector, detections, tmp_path, call):
    sources = ['--detector', 'tiny', *detector, '--detections', 'saved', detections]
    chosen = ['--ids', 1, '--threshold', 0.1, '--truth', '--out', tmp_path]
    call('analysis/compare_pictures.py', *sources, *chosen)
    (record,) = json.loads((tmp_path / 'pictures.json').read_text())
    assert (record['image_id'], record['distance']) == (1, pytest.approx(0, abs=1e-4))
    assert (tmp_path / record['file']).stat().st_size > 10_000


def test_class_balance_of_a_run(tmp_path, call, capsys):
    numbers = dict(thresholds=[0.7], weights=[1.0], counts=[3.0], certainty=[0.5])
    record = dict(iter=0, classes=['ant'], labeled_boxes=[3], **numbers)
    (tmp_path / 'class_balance.jsonl').write_text(json.dumps(record) + '\n')
    call('analysis/class_balance.py', tmp_path, '--out', tmp_path / 'figure.png')
    numbers = json.loads((tmp_path / 'figure.json').read_text())
    assert (numbers['iterations'], numbers['classes']) == ([0], ['ant'])
    row = r'\| ant +\| +3 \| 0.700 \| 1.000 \| +3 \| 0.50 \| +- \|'
    assert re.search(row, capsys.readouterr().out)


@pytest.mark.parametrize('tool', [*TOOLS, 'compare_pictures.py'])
def test_a_figure_needs_a_detector(tool, call, capsys):
    more = ['--train-annotations', 'x.json'] if tool == 'per_class_ap.py' else []
    with pytest.raises(SystemExit):
        call(f'analysis/{tool}', '--out', 'x.png', *more)
    assert 'at least one --detector' in capsys.readouterr().err


def test_labels_must_differ(detections):
    with pytest.raises(ValueError, match=r"labels that differ, got \['a', 'a'\]"):
        detector_outputs([('a', detections), ('a', detections)])


def test_saved_detections_do_not_say_what_is_true(detections):
    with pytest.raises(ValueError, match='name the COCO json'):
        detector_outputs([('a', detections)])


def test_classes_must_agree(detector, tmp_path):
    cfg = Config.fromfile(detector[0])
    cfg.test_dataloader.dataset.metainfo.classes = ('blob', 'leaf', 'star')
    cfg.dump(tmp_path / 'other.py')
    other = ('b', str(tmp_path / 'other.py'), detector[1])
    with pytest.raises(ValueError, match="same classes.*'star'"):
        detector_outputs([('a', *detector), other])


def test_classes_of_a_stock_data_set():
    cfg = Config.fromfile(ROOT / 'configs/supervised/coco_full_1x.py')
    classes = common_classes([cfg, cfg])
    assert (len(classes), classes[0]) == (80, 'person')


def test_pseudo_label_quality_prints_and_writes_a_page(detections, data, call, tmp_path, capsys):
    files = ('--out', tmp_path / 'q.json', '--markdown', tmp_path / 'q.md', '--title', 'Tiny')
    arguments = ('--detections', 'tiny', detections, '--annotations', data / 'val.json')
    call('analysis/pseudo_label_quality.py', *arguments, *files)
    assert 'What a threshold keeps' in capsys.readouterr().out
    assert len(json.loads((tmp_path / 'q.json').read_text())['ranking']) == 16
    page = (tmp_path / 'q.md').read_text()
    for part in ('# Tiny', '| p*v > 0.7 |', '| torch |', '--detections tiny'):
        assert part in page
