"""What programs and notebooks call: a project's folder, a detector, its boxes."""

import json
import shutil
import sys
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
from builders.trainings import make_project, small_data

import mmssod
from mmssod.cli import main
from mmssod.environment.errors import InputError
from mmssod.own_data.inferring import frames, infer


@pytest.fixture(scope='module')
def detector(run_folder):
    return mmssod.Detector(run_folder / 'config.py', f'{run_folder}/iter_1.pth', score_thr=0.1)


@pytest.fixture
def trained(run_folder, tmp_path):
    """A project of which only what a trained student leaves is there."""
    runs = tmp_path / 'own/work_dirs/student'
    runs.mkdir(parents=True)
    shutil.copy(run_folder / 'config.py', tmp_path / 'own/student.py')
    shutil.copy(run_folder / 'iter_1.pth', runs)
    return tmp_path / 'own'


def test_the_boxes_are_those_of_infer(detector, run_folder):
    file = run_folder / 'val/1.png'
    coco = infer(f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', frames([str(file)]), score_thr=0.1)  # fmt: skip
    found = detector.predict(file)
    assert len(found) == len(coco['annotations']) > 0
    x, y, width, height = np.array([box['bbox'] for box in coco['annotations']]).T
    corners = np.stack([x, y, x + width, y + height], axis=1)
    np.testing.assert_allclose(found.boxes, corners, atol=1e-3)
    for name, key in (('scores', 'score'), ('p', 'cls_certainty'), ('v', 'loc_certainty')):
        expected = [box[key] for box in coco['annotations']]
        np.testing.assert_allclose(getattr(found, name), expected, atol=1e-6)
    names = {one['id']: one['name'] for one in coco['categories']}
    assert found.names == [names[box['category_id']] for box in coco['annotations']]


def test_pixels_and_several(detector, run_folder):
    files = [str(run_folder / f'val/{number}.png') for number in (0, 1)]
    one, other = detector.predict(files)
    np.testing.assert_array_equal(one.boxes, detector.predict(cv2.imread(files[0])).boxes)
    np.testing.assert_array_equal(other.boxes, detector.predict(files[1]).boxes)
    assert detector.predict([]) == []


@pytest.mark.parametrize('pixels', [
    np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)
])  # fmt: skip
def test_other_pixels(detector, pixels):
    with pytest.raises(InputError, match=r'expected pixels of shape \(H, W, 3\), uint8, BGR, got'):
        detector.predict(pixels)


@pytest.mark.parametrize('command', [
    ['infer', '{project}', '{images}/0.png', '--out', '{out}', '{images}/1.png'],
    ['infer', '{project}', '--out', '{out}', '{images}/0.png', '{images}/1.png'],
    ['infer', '{run}/config.py', '{run}/iter_1.pth', '--out', '{out}', '{images}/0.png', '{images}/1.png'],
])  # fmt: skip
def test_a_project_stands_for_config_and_checkpoint(command, trained, run_folder, tmp_path):
    """Options may stand between files."""
    out = tmp_path / 'found'
    places = dict(project=trained, run=run_folder, images=run_folder / 'val', out=out)
    assert main([word.format(**places) for word in command] + ['--no-pictures']) == 0
    coco = json.loads((out / 'detections.json').read_text())
    assert [image['file_name'] for image in coco['images']] == ['0.png', '1.png']


def test_thresholds_of_a_project_are_those_of_its_report(trained, run_folder, tmp_path, capsys):
    classes = mmssod.Detector(trained).classes
    thresholds = dict.fromkeys(classes, 0.99)
    (trained / 'report.thresholds.json').write_text(json.dumps(dict(thresholds=thresholds)))
    command = ['infer', str(trained), f'{run_folder}/val', '--no-pictures', '--out', str(tmp_path)]
    assert main(command) == 0
    assert 'report.thresholds.json' in capsys.readouterr().out
    assert not json.loads((tmp_path / 'detections.json').read_text())['annotations']
    assert main([*command, '--score-thr', '0']) == 0
    assert json.loads((tmp_path / 'detections.json').read_text())['annotations']


@pytest.mark.parametrize(('words', 'made'), [
    (['label', '--format', 'yolo', '--out', 'labels', '--images', '{images}'], 'labels/classes.txt'),
    (['export', '--out', 'detector'], 'detector.pth'),
    (['test', '--work-dir', 'tested'], 'tested'),
])  # fmt: skip
def test_other_commands_take_a_project_too(words, made, trained, run_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *options = (word.format(images=run_folder / 'unlabeled') for word in words)
    assert main([name, str(trained), *options]) == 0
    assert (tmp_path / made).exists()


def test_no_image_and_no_checkpoint(trained, run_folder, capsys):
    with pytest.raises(SystemExit, match='2'):
        main(['infer', str(trained), '--out', 'found'])
    assert 'expected images, folders or videos' in capsys.readouterr().err
    assert main(['label', f'{run_folder}/config.py', '--out', 'labels']) == 1
    assert 'expected a checkpoint' in capsys.readouterr().err


def test_a_project_brings_its_checkpoint_and_thresholds(trained, run_folder):
    plain = mmssod.Project(trained).detector()
    assert plain.limits.tolist() == [0.3] * len(plain.classes)
    best = {name: 0.1 * number for number, name in enumerate(plain.classes, start=1)}
    (trained / 'report.thresholds.json').write_text(json.dumps(dict(thresholds=best)))
    found = mmssod.Detector(trained)
    np.testing.assert_allclose(found.limits, list(best.values()))
    assert mmssod.Detector(trained, score_thr=0.5).limits.tolist() == [0.5] * len(best)
    image = run_folder / 'val/1.png'
    high = mmssod.Detector(trained, score_thr=1.0).predict(image)
    assert len(high) == 0 and high.boxes.shape == (0, 4) and high.names == []


def test_what_is_not_there(trained, tmp_path):
    (trained / 'work_dirs/student/iter_1.pth').unlink()
    with pytest.raises(FileNotFoundError, match='expected a project with a trained student'):
        mmssod.Detector(trained)
    with pytest.raises(FileNotFoundError, match=r'or student\.pth beside it'):
        mmssod.Detector(trained / 'student.py')


def test_as_supervision_has_it(detector, run_folder, monkeypatch):
    module = ModuleType('supervision')
    module.Detections = SimpleNamespace
    monkeypatch.setitem(sys.modules, 'supervision', module)
    found = detector.predict(run_folder / 'val/1.png')
    given = found.supervision()
    assert given.xyxy is found.boxes and given.confidence is found.scores
    assert given.class_id is found.labels
    assert list(given.data['class_name']) == found.names
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(ImportError, match='pip install supervision'):
        found.supervision()


@pytest.mark.slow
def test_a_project_runs_and_says_what_came_of_it(tmp_path, capsys):
    folder = make_project(tmp_path / 'own', small_data(tmp_path / 'data'))
    result = mmssod.Project(folder).run()
    assert result.page == folder / 'report.html' and result.page.is_file() and result.evaluated
    assert 'AP (95 % interval' in result.verdict
    assert capsys.readouterr().out.splitlines()[-1] == result.verdict
    again = mmssod.Project(folder).run()
    assert again.verdict == result.verdict and 'finished before' in capsys.readouterr().out
