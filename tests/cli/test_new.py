"""From images and labels to configs: what is found, what is chosen, what is written."""

import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmssod import apis
from mmssod.apis.new import Machine, make_plan
from mmssod.cli import main
from mmssod.datasets.preparation.own_data import LabeledSet, check_labeled

LAPTOP = Machine(gpus=0, memory=8.0, cores=2, name='CPU')
SERVER = Machine(gpus=1, memory=24.0, cores=16, name='GPU')


def images_of(folder, count, size=(64, 48)):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = np.random.RandomState(number).randint(0, 255, (size[1], size[0], 3), np.uint8)
        assert cv2.imwrite(str(folder / f'{number}.jpg'), image)


def labels_of(count, boxes=2, size=(64, 48)):
    return dict(
        images=[
            dict(id=i, file_name=f'{i}.jpg', width=size[0], height=size[1]) for i in range(count)
        ],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
        annotations=[
            dict(
                id=1 + i * boxes + n,
                image_id=i,
                category_id=1 + n % 2,
                bbox=[4 + n, 5, 20, 20],
                area=400,
                iscrowd=0,
            )
            for i in range(count)
            for n in range(boxes)
        ],
    )


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Ten images of which the first six have labels, in one folder."""
    monkeypatch.chdir(tmp_path)
    images_of(tmp_path / 'images', 10)
    (tmp_path / 'labels.json').write_text(json.dumps(labels_of(6)))
    return tmp_path


def new(*more):
    return main(['new', 'labels.json', '--unlabeled', 'images', *map(str, more)])


def test_configs_that_pass_the_dry_run(data, capsys):
    assert new('--out', 'own', '--iterations', 40) == 0
    out = capsys.readouterr().out
    assert '5 labeled images, 1 to evaluate on, 4 unlabeled' in out
    assert 'mmssod train own/student.py --teacher own/teacher.py' in out
    cfg = Config.fromfile('own/student.py')
    assert cfg.classes == ('cat', 'dog')
    assert cfg.load_from == 'own/work_dirs/teacher/iter_40.pth'
    report = apis.dry_run('own/student.py', cfg_options={'train_dataloader.num_workers': 0,
                          'train_dataloader.persistent_workers': False})  # fmt: skip
    assert report['sources'] == dict(labeled=5, unlabeled=4)
    assert report['inputs']['labeled'][0] == cfg.batch == 4
    assert len((data / 'own/data.py').read_text().splitlines()) < 60


def test_all_problems_come_together(data, capsys):
    broken = labels_of(7)
    broken['images'][6]['file_name'] = 'gone.jpg'
    broken['annotations'][0]['bbox'] = [500, 5, 20, 20]
    broken['annotations'][1]['bbox'] = [5, 5, 0, 20]
    (data / 'labels.json').write_text(json.dumps(broken))
    (data / 'images/9.jpg').write_bytes(b'no image')
    assert new() == 1
    out = capsys.readouterr().out
    for part in ('gone.jpg', 'outside their images', 'without width or height', 'cannot be opened'):
        assert part in out
    assert not (data / 'own').exists()


def test_sets_with_a_common_image_are_refused(data, capsys):
    assert new('--val', 'labels.json') == 1
    assert (
        '6 images are in the labeled set and in the one to evaluate on' in capsys.readouterr().out
    )


@pytest.mark.parametrize(('change', 'text'), [
    (dict(labels='no.json'), 'no file or folder no.json'),
    (dict(unlabeled='nowhere'), 'nowhere'),
])  # fmt: skip
def test_missing_sources_are_named(change, text, data, capsys):
    given = dict(labels='labels.json', unlabeled='images') | change
    assert main(['new', given['labels'], '--unlabeled', given['unlabeled']]) == 1
    assert text in capsys.readouterr().out


def test_nothing_left_unlabeled(data, capsys):
    (data / 'labels.json').write_text(json.dumps(labels_of(10)))
    assert new() == 1
    assert 'unlabeled: empty' in capsys.readouterr().out


def summary(images=200, boxes_an_image=3.0, median_side=0.2, size=(640, 480)):
    return LabeledSet(images, dict(cat=images, dog=images), boxes_an_image, median_side, size)


def test_plan_follows_the_machine():
    small, large = (make_plan(summary(), machine) for machine in (LAPTOP, SERVER))
    assert (small.detector, large.detector) == ('lite', 'r50')
    assert small.batch == 4 and small.rate == 0.0005
    tight = make_plan(summary(), Machine(0, 1.5, 2, 'CPU'))
    # The rate is in proportion to the batch.
    assert tight.batch == 1 and tight.rate == pytest.approx(0.0005 / 4)
    assert large.workers > small.workers >= 1


def test_plan_follows_the_data():
    few, many = (make_plan(summary(images), LAPTOP).iterations for images in (20, 400))
    assert (few, many) == (400, 3500)
    assert make_plan(summary(100000), LAPTOP).iterations == 4000
    assert make_plan(summary(), LAPTOP, iterations=7).iterations == 7
    assert make_plan(summary(median_side=0.2), LAPTOP).scale == (256, 256)
    # Small objects need larger images, small images are not enlarged beyond the usual size.
    assert make_plan(summary(median_side=0.04), LAPTOP).scale == (384, 384)
    assert max(make_plan(summary(median_side=0.04, size=(64, 64)), LAPTOP).scale) <= 256
    assert make_plan(summary(boxes_an_image=15), LAPTOP).rois == 128
    with pytest.raises(ValueError, match='lite'):
        make_plan(summary(), LAPTOP, detector='yolo')


@pytest.mark.parametrize(('count', 'problem'), [(0, 'empty'), (1, None), (3, None)])
def test_checks_of_empty_one_and_many(count, problem, tmp_path):
    images_of(tmp_path, count)
    findings = check_labeled('labeled', labels_of(count), tmp_path)
    assert bool(findings.problems) == (problem is not None)
    assert problem is None or problem in findings.text()


def test_imbalance_and_blank_images_are_named(tmp_path):
    images_of(tmp_path, 31)
    coco = labels_of(31, boxes=1)  # all cats
    coco['annotations'][0]['category_id'] = 2
    coco['annotations'].pop()
    text = check_labeled('labeled', coco, tmp_path).text()
    assert '29 times' in text and '1 images without a box' in text and 'dog (1)' in text
