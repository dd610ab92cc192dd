"""Images, folders and videos in; pictures, COCO json, YOLO txt and VOC xml out."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmssod.apis.inferring import frames
from mmssod.apis.labeling import select
from mmssod.cli import main
from mmssod.datasets.preparation.formats import read_labels


def run(command, folder, *more):
    return main([command, f'{folder}/config.py', f'{folder}/iter_1.pth', *map(str, more)])


@pytest.fixture(scope='session')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'film.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for number in range(5):
        writer.write(np.full((48, 64, 3), 50 * number, np.uint8))
    writer.release()
    return path


def test_pictures_and_json(run_folder, video, tmp_path, capsys):
    inputs = [run_folder / 'val/1.png', run_folder / 'unlabeled', video]
    out = ['--every', 2, '--score-thr', 0.1, '--out', tmp_path, '--device', 'cpu']
    assert run('infer', run_folder, *inputs, *out) == 0
    coco = json.loads((tmp_path / 'detections.json').read_text())
    names = [image['file_name'] for image in coco['images']]
    assert names == ['1.png', '0.png', '1.png', '2.png', *(f'film/{n:06}.jpg' for n in (0, 2, 4))]
    assert coco['annotations'] and {image['width'] for image in coco['images']} == {64}
    box = coco['annotations'][0]
    assert box['score'] >= 0.1
    assert box['score'] == pytest.approx(box['cls_certainty'] * box['loc_certainty'], abs=1e-4)
    assert cv2.imread(str(tmp_path / 'pictures/film/000004.jpg')).shape[:2] == (48, 64)
    assert f'{len(coco["annotations"])} boxes in 7 images' in capsys.readouterr().out


def test_student_and_teacher_answer_differently(run_folder, tmp_path):
    for part in ('student', 'teacher'):
        out = ['--part', part, '--no-pictures', '--score-thr', 0, '--out', tmp_path / part]
        assert run('infer', run_folder, run_folder / 'val/0.png', *out) == 0
    student, teacher = (
        json.loads((tmp_path / part / 'detections.json').read_text())['annotations']
        for part in ('student', 'teacher')
    )
    assert student != teacher
    assert not (tmp_path / 'student/pictures').exists()


def test_lists_and_jsons_are_read_beside_their_images(run_folder, tmp_path):
    Path(tmp_path / 'images').symlink_to(run_folder / 'val')
    (tmp_path / 'val.json').write_text((run_folder / 'val.json').read_text())
    assert [frame.name for frame in frames([str(tmp_path / 'val.json')])] == [
        '0.png',
        '1.png',
        '2.png',
    ]


@pytest.mark.parametrize(
    ('source', 'error'), [('no.jpg', FileNotFoundError), ('a.pdf', ValueError), ('no.mp4', FileNotFoundError)]
)  # fmt: skip
def test_inputs_that_are_none(source, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('a.pdf').touch()
    with pytest.raises(error, match=source):
        list(frames([source]))


def test_every_counts_from_one(video):
    assert len(list(frames([str(video)], every=1))) == 5
    with pytest.raises(ValueError, match='every'):
        list(frames([str(video)], every=0))


@pytest.mark.parametrize('kind', ['coco', 'yolo', 'voc'])
def test_labels_of_the_configs_unlabeled_images(kind, run_folder, tmp_path):
    if kind != 'coco':
        pytest.importorskip('globox')
    out = tmp_path / ('labels.json' if kind == 'coco' else 'labels')
    assert run('label', run_folder, '--format', kind, '--out', out) == 0
    coco, findings = read_labels(out, run_folder / 'unlabeled')
    assert not findings.problems
    assert len(coco['images']) == 3 and coco['annotations']


def test_threshold_and_certainty_are_the_configs_unless_given(run_folder, tmp_path):
    """The config's: p > 0.3."""
    counts = {}
    for name, more in dict(
        config=[], same=['--certainty', 'p', '--threshold', 0.3], none=['--certainty', 'v', '--threshold', 0.9]
    ).items():  # fmt: skip
        run('label', run_folder, '--out', tmp_path / f'{name}.json', *more)
        counts[name] = len(json.loads((tmp_path / f'{name}.json').read_text())['annotations'])
    assert counts['none'] == 0 < counts['config'] == counts['same']


def test_selection_is_above_the_threshold():
    boxes = [dict(score=s, cls_certainty=p, loc_certainty=v) for s, p, v in
             [(0.45, 0.9, 0.5), (0.72, 0.9, 0.8), (0.5, 0.5, 1.0)]]  # fmt: skip
    assert select(dict(annotations=[]), 'p', 0.5)['annotations'] == []
    assert select(dict(annotations=boxes), 'p*v', 0.5)['annotations'] == [boxes[1]]
    assert select(dict(annotations=boxes), 'p_and_v', 0.45)['annotations'] == boxes


def test_a_config_without_unlabeled_images_needs_some(plain_folder, tmp_path):
    text = (
        plain_folder / 'config.py'
    ).read_text() + '\ntrain_dataloader["dataset"].pop("unlabeled")\n'
    (tmp_path / 'config.py').write_text(text)
    with pytest.raises(ValueError, match='--images'):
        main(
            [
                'label',
                f'{tmp_path}/config.py',
                f'{plain_folder}/iter_1.pth',
                '--out',
                f'{tmp_path}/x.json',
            ]
        )
    with pytest.raises(ValueError, match='threshold'):
        run('label', plain_folder, '--threshold', 1.5, '--out', tmp_path / 'x.json')
