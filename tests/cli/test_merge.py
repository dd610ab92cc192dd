"""Human and pseudo labels in one folder, as other trainers' readers read it."""

import json
import shutil
from pathlib import Path

import cv2
import pytest
from mmdet.registry import DATASETS
from mmengine.config import Config
from pycocotools.coco import COCO

from mmssod.cli import main
from mmssod.datasets.formats import Source, named_sets, read_labels
from mmssod.tiny_detectors import CLASSES


@pytest.fixture(scope='module')
def project(run_folder, tmp_path_factory):
    """The run, its own images, and one image of each labeled set among the unlabeled ones."""
    folder = tmp_path_factory.mktemp('merge') / 'run'
    shutil.copytree(run_folder, folder)
    text = (folder / 'config.py').read_text().replace(str(run_folder), str(folder))
    (folder / 'config.py').write_text(text)
    for kind in ('labeled', 'val'):
        (folder / f'unlabeled/{kind}.png').symlink_to(folder / f'{kind}/0.png')
    return folder


@pytest.fixture(scope='module')
def merged(project, tmp_path_factory):
    out = tmp_path_factory.mktemp('merged') / 'all'
    files = [f'{project}/config.py', f'{project}/iter_1.pth']
    options = [
        '--merge',
        '--threshold',
        '0.05',
        '--out',
        str(out),
        '--images',
        f'{project}/unlabeled',
    ]
    assert main(['label', *files, *options]) == 0
    return out


def coco(folder, part):
    return json.loads((folder / part / '_annotations.coco.json').read_text())


def test_human_labels_win_and_judge_alone(project, merged):
    train, valid = coco(merged, 'train'), coco(merged, 'valid')
    # 3 labeled and 3 unlabeled images; the link to a labeled one is that image, the one to a validation image is out.
    assert (len(train['images']), len(valid['images'])) == (6, 3)
    by_pixels = {(project / f'labeled/{n}.png').read_bytes(): n for n in range(3)}
    human = 0
    for image in train['images']:
        boxes = [box for box in train['annotations'] if box['image_id'] == image['id']]
        content = (merged / 'train' / image['file_name']).read_bytes()
        scored = [box for box in boxes if 'score' in box]
        if content in by_pixels and not scored:
            human += 1
            assert [box['bbox'] for box in boxes] == [[4.0, 5.0, 30.0, 20.0]]
        else:
            assert len(scored) == len(boxes) and all(box['score'] > 0 for box in boxes)
    assert human == 3 and any('score' in box for box in train['annotations'])
    assert [box['bbox'] for box in valid['annotations']] == [[4.0, 5.0, 30.0, 20.0]] * 3
    assert not any('score' in box for box in valid['annotations'])


def test_ultralytics_layout(merged):
    """By the rules of its ``data.yaml``: what it names below itself, labels where ``images`` is ``labels``."""
    train, val = named_sets(Source(str(merged / 'data.yaml')))
    for part, source in (('train', train), ('valid', val)):
        found, problems = read_labels(
            Path(source.labels), Path(source.images), listed=source.listed
        )
        assert not problems.problems and [c['name'] for c in found['categories']] == list(CLASSES)
        assert len(found['annotations']) == len(coco(merged, part)['annotations']) > 0
    lines = [
        line
        for file in (merged / 'train/labels').glob('*.txt')
        for line in file.read_text().splitlines()
    ]
    assert all(
        len(line.split()) == 5 for line in lines
    )  # a sixth number would be read as a polygon


def test_rf_detr_layout(merged):
    """It opens SPLIT/_annotations.coco.json by pycocotools and images below SPLIT; 'none' is above no class."""
    for part in ('train', 'valid'):
        known = COCO(str(merged / part / '_annotations.coco.json'))
        assert [one['id'] for one in known.loadCats(known.getCatIds())] == [1, 2, 3]
        assert all(one['supercategory'] != 'none' for one in known.dataset['categories'])
        for image in known.dataset['images']:
            pixels = cv2.imread(str(merged / part / image['file_name']))
            assert pixels.shape[:2] == (image['height'], image['width'])


def test_mmdetection_config(merged):
    cfg = Config.fromfile(merged / 'mmdet.py')
    assert cfg.model.bbox_head.num_classes == 3 and cfg.model.type == 'RTMDet'
    for loader, count in (('train_dataloader', 6), ('val_dataloader', 3), ('test_dataloader', 3)):
        source = {**cfg[loader].dataset, 'pipeline': [], 'filter_cfg': None}
        dataset = DATASETS.build(source)
        assert len(dataset) == count and dataset.metainfo['classes'] == CLASSES
        assert all(Path(dataset.get_data_info(n)['img_path']).is_file() for n in range(count))
    assert Path(cfg.val_evaluator.ann_file).is_file()


@pytest.mark.parametrize('package', ['supervision', 'globox'])
def test_other_readers(package, merged):
    reader = pytest.importorskip(package)
    truth = {part: coco(merged, part) for part in ('train', 'valid')}
    for part, known in truth.items():
        images, json_file = merged / part, merged / part / '_annotations.coco.json'
        number = len(known['annotations'])
        if package == 'globox':
            found = reader.AnnotationSet.from_coco(json_file)
            assert sum(len(one.boxes) for one in found) == number and len(found) == len(
                known['images']
            )
            continue
        for found in (
            reader.DetectionDataset.from_coco(str(images), str(json_file)),
            reader.DetectionDataset.from_yolo(
                str(images / 'images'), str(images / 'labels'), str(merged / 'data.yaml')
            ),
        ):
            assert found.classes == list(CLASSES)
            assert sum(len(boxes) for _, _, boxes in found) == number


def test_what_is_refused(project, merged, tmp_path, capsys):
    words = ['label', f'{project}/config.py', f'{project}/iter_1.pth', '--merge', '--out']
    assert main([*words, str(merged)]) == 1
    assert 'expected an empty folder' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*words, str(tmp_path / 'a'), '--format', 'yolo'])
    assert '--merge writes' in capsys.readouterr().err
