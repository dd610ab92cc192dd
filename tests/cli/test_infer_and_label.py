"""Images, folders and videos in; pictures, COCO json, YOLO txt and VOC xml out."""

import json
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmssod.cli import main
from mmssod.datasets.formats import read_labels
from mmssod.own_data import inferring
from mmssod.own_data.inferring import frames, free_name
from mmssod.own_data.labeling import select


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
    images = ['1.png', '0.png', 'unlabeled/1.png', '2.png']
    assert names == [*images, *(f'film/{n:06}.jpg' for n in (0, 2, 4))]
    assert coco['annotations'] and {image['width'] for image in coco['images']} == {64}
    box = coco['annotations'][0]
    assert box['score'] >= 0.1
    assert box['score'] == pytest.approx(box['cls_certainty'] * box['loc_certainty'], abs=1e-4)
    assert cv2.imread(str(tmp_path / 'pictures/film/000004.jpg')).shape[:2] == (48, 64)
    pictures = {p.relative_to(tmp_path / 'pictures') for p in tmp_path.rglob('*.jpg')}
    assert pictures == {Path(name).with_suffix('.jpg') for name in names}
    assert f'{len(coco["annotations"])} boxes in 7 images' in capsys.readouterr().out


@pytest.mark.parametrize(('used', 'expected'), [
    ([], 'a.jpg'),
    (['a.jpg'], 'two/a.jpg'),
    (['a.jpg', 'two/a.jpg', 'a_2.jpg'], 'a_3.jpg'),
])  # fmt: skip
def test_names_that_are_used(used, expected, tmp_path):
    assert free_name('a.jpg', f'{tmp_path}/two/a.jpg', used) == expected


def test_pictures_of_one_name_do_not_replace_each_other(run_folder, tmp_path):
    """One name in two folders, named as folders and as files; and two suffixes of one name in a folder."""
    for folder in ('one', 'two'):
        (tmp_path / folder).mkdir()
        shutil.copy(run_folder / 'val/0.png', tmp_path / folder / 'a.png')
    shutil.copy(run_folder / 'val/1.png', tmp_path / 'one/a.bmp')
    files = [tmp_path / folder / 'a.png' for folder in ('one', 'two')]
    found = frames([*map(str, files), str(tmp_path / 'one'), str(tmp_path / 'two')])
    names = [frame.name for frame in found]
    assert names == ['a.png', 'two/a.png', 'a.bmp', 'one/a.png', 'a_2.png']
    out = tmp_path / 'out'
    assert run('infer', run_folder, tmp_path / 'one', tmp_path / 'two', '--out', out) == 0
    pictures = {str(p.relative_to(out / 'pictures')) for p in out.rglob('*.jpg')}
    assert pictures == {'a.jpg', 'a.png.jpg', 'two/a.jpg'}


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


@pytest.fixture
def own(run_folder, tmp_path):
    """Two images of a user, and lists of them by absolute names."""
    folder = shutil.copytree(run_folder / 'unlabeled', tmp_path / 'own')
    files = sorted(folder.glob('*.png'))[:2]
    (tmp_path / 'list.txt').write_text(''.join(f'{file}\n' for file in files))
    images = [dict(id=n, file_name=str(file)) for n, file in enumerate(files)]
    (tmp_path / 'list.json').write_text(json.dumps(dict(images=images)))
    return folder


@pytest.mark.parametrize('source', ['list.txt', 'list.json', 'own/*/../*.png'])
def test_images_are_never_written_over(source, own, run_folder, tmp_path):
    """By absolute names, by a glob that leads up: pictures lie below --out, images stay as they are."""
    (own / 'deep').mkdir()
    before = {file: file.read_bytes() for file in own.glob('*.png')}
    names = {frame.name for frame in frames([str(tmp_path / source)])}
    assert {'0.png', '1.png'} <= names <= {file.name for file in before}
    out = tmp_path / 'out'
    assert run('infer', run_folder, tmp_path / source, '--out', out) == 0
    assert {file: file.read_bytes() for file in own.glob('*.*')} == before
    assert {file.stem for file in (out / 'pictures').iterdir()} == {
        Path(name).stem for name in names
    }


def test_a_folder_of_pictures_that_holds_the_images_is_refused(own, run_folder, tmp_path, capsys):
    """Named itself, through its parent, or by a list; a link in it that leads out is found when it is drawn."""
    out = tmp_path / 'out'
    out.mkdir()
    own.rename(out / 'pictures')
    before = {file: file.read_bytes() for file in out.rglob('*.png')}
    (tmp_path / 'list.txt').write_text(f'{out}/pictures/0.png\n')
    other = run_folder / 'val/0.png'
    for source in (out / 'pictures', out, tmp_path / 'list.txt'):
        assert run('infer', run_folder, other, source, '--out', out) == 1
        assert 'expected a folder without the inputs' in capsys.readouterr().err
    assert {file: file.read_bytes() for file in out.rglob('*.*')} == before
    assert run('infer', run_folder, out / 'pictures', '--no-pictures', '--out', out) == 0
    (tmp_path / 'two/pictures').mkdir(parents=True)
    (tmp_path / 'two/pictures/0.jpg').symlink_to(out / 'pictures/0.png')
    assert run('infer', run_folder, other, '--out', tmp_path / 'two') == 1
    assert 'expected a name of a file below' in capsys.readouterr().err
    assert all(file.read_bytes() == content for file, content in before.items())


def test_a_json_that_is_read_is_not_written(own, run_folder, tmp_path, capsys):
    (tmp_path / 'list.json').rename(tmp_path / 'detections.json')
    assert run('infer', run_folder, tmp_path / 'detections.json', '--out', tmp_path) == 1
    assert 'expected a folder without the inputs' in capsys.readouterr().err


@pytest.mark.parametrize('command', ['infer', 'label'])
def test_images_that_cannot_be_read_are_skipped_and_told(
    command, run_folder, tmp_path, capsys, monkeypatch
):
    folder = tmp_path / 'images'
    folder.mkdir()
    (folder / 'text.jpg').write_text('no image')
    (folder / 'cut.png').write_bytes((run_folder / 'val/0.png').read_bytes()[:-30])
    words = ['--images'] * (command == 'label') + [folder, '--out', tmp_path / 'out.json']
    assert run(command, run_folder, *words) == 1
    error = capsys.readouterr().err
    assert '2 of 2 images cannot be read' in error and 'cut.png: truncated' in error
    shutil.copy(run_folder / 'val/1.png', folder / 'whole.png')
    told = []
    monkeypatch.setattr(inferring, 'print_log', lambda text, *options: told.append(text))
    assert run(command, run_folder, *words) == 0
    (said,) = told
    assert '2 of 3 images cannot be read' in said
    assert 'cut.png: truncated' in said and 'text.jpg: no image' in said
    written = tmp_path / 'out.json' / ('detections.json' * (command == 'infer'))
    assert [i['file_name'] for i in json.loads(written.read_text())['images']] == ['whole.png']


def test_all_inputs_are_looked_up_before_the_first_is_used(run_folder, tmp_path):
    (tmp_path / 'no.mp4').write_text('no video')
    with pytest.raises(ValueError, match='could not open'):
        frames([str(run_folder / 'val'), str(tmp_path / 'no.mp4')])


@pytest.mark.parametrize(
    ('source', 'error'), [('no.jpg', FileNotFoundError), ('a.pdf', ValueError), ('no.mp4', FileNotFoundError)]
)  # fmt: skip
def test_inputs_that_are_none(source, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('a.pdf').touch()
    with pytest.raises(error, match=source):
        list(frames([source]))


@pytest.mark.parametrize(('pattern', 'names'), [
    ('a?.png', ['a0.png', 'a1.png']),
    ('a[12].png', ['a1.png']),
    ('a[x].png', ['a[x].png']),
    ('*.avi', ['film/000000.jpg', 'film/000003.jpg']),
    ('[!b]*', ['a0.png', 'a1.png', 'a[x].png', 'film/000000.jpg', 'film/000003.jpg']),
])  # fmt: skip
def test_globs_of_images_and_videos(pattern, names, run_folder, video, tmp_path, monkeypatch):
    """``a[x].png`` is the name of a file."""
    monkeypatch.chdir(tmp_path)
    for name in ('a0.png', 'a1.png', 'a[x].png', 'b.png'):
        shutil.copy(run_folder / 'val/0.png', name)
    shutil.copy(video, 'film.avi')
    assert [frame.name for frame in frames([pattern], every=3)] == names


def test_all_inputs_are_looked_up_at_once(run_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(run_folder)
    for lacking in ('no.jpg', 'no?.jpg', 'no*.mp4', 'no'):
        with pytest.raises((FileNotFoundError, ValueError), match=re.escape(lacking)):
            frames(['val/0.png', lacking])


def test_every_counts_from_one(video):
    assert len(list(frames([str(video)], every=1))) == 5
    with pytest.raises(ValueError, match='every'):
        list(frames([str(video)], every=0))


@pytest.mark.parametrize('kind', ['coco', 'yolo', 'voc'])
def test_labels_of_the_configs_unlabeled_images(kind, run_folder, tmp_path):
    out = tmp_path / ('labels.json' if kind == 'coco' else 'labels')
    assert run('label', run_folder, '--format', kind, '--out', out) == 0
    coco, findings = read_labels(out, run_folder / 'unlabeled')
    assert not findings.problems
    assert len(coco['images']) == 3 and coco['annotations']


def test_labels_of_a_json_keep_its_ids(run_folder, tmp_path):
    """And names that are not UTF-8 can be written as VOC xml."""
    strange = os.fsdecode(b'caf\xe9.png')
    for number, name in enumerate(('b.png', strange)):
        shutil.copy(run_folder / f'val/{number}.png', tmp_path / name)
    entries = [dict(id=i, file_name=n) for i, n in ((9007, 'b.png'), ('scan-2', strange))]
    (tmp_path / 'some.json').write_text(json.dumps(dict(images=entries)))
    words = ('--images', tmp_path / 'some.json', '--threshold', '0')
    assert run('label', run_folder, *words, '--out', tmp_path / 'labels.json') == 0
    coco = json.loads((tmp_path / 'labels.json').read_text())
    assert [image['id'] for image in coco['images']] == [9007, 'scan-2']
    assert {box['image_id'] for box in coco['annotations']} <= {9007, 'scan-2'}
    assert run('label', run_folder, *words, '--format', 'voc', '--out', tmp_path / 'xml') == 0
    assert (tmp_path / 'xml' / strange).with_suffix('.xml').is_file()


def test_threshold_and_certainty_are_the_configs_unless_given(run_folder, tmp_path):
    """The config's: p > 0.3."""
    counts = {}
    for name, more in dict(
        config=[], same=['--certainty', 'p', '--threshold', 0.3], none=['--certainty', 'v', '--threshold', 0.9]
    ).items():  # fmt: skip
        run('label', run_folder, '--out', tmp_path / f'{name}.json', *more)
        counts[name] = len(json.loads((tmp_path / f'{name}.json').read_text())['annotations'])
    assert counts['none'] == 0 < counts['config'] == counts['same']


def test_selection_is_above_the_threshold_of_the_class():
    boxes = [dict(score=s, cls_certainty=p, loc_certainty=v, category_id=c) for s, p, v, c in
             [(0.45, 0.9, 0.5, 7), (0.72, 0.9, 0.8, 7), (0.5, 0.5, 1.0, 4)]]  # fmt: skip
    coco = dict(annotations=boxes, categories=[dict(id=7), dict(id=4)])
    assert select({**coco, 'annotations': []}, 'p*v', [0.5, 0.5])['annotations'] == []
    assert select(coco, 'p*v', [0.5, 0.5])['annotations'] == [boxes[1]]
    assert select(coco, 'p*v', [0.5, 0.4])['annotations'] == boxes[1:]
    assert select(coco, 'p_and_v', [0.45, 0.45])['annotations'] == boxes


def test_a_config_without_unlabeled_images_needs_some(plain_folder, tmp_path, capsys):
    text = (
        plain_folder / 'config.py'
    ).read_text() + '\ntrain_dataloader["dataset"].pop("unlabeled")\n'
    (tmp_path / 'config.py').write_text(text)
    out = tmp_path / 'x.json'
    words = ['label', f'{tmp_path}/config.py', f'{plain_folder}/iter_1.pth', '--out', str(out)]
    assert main(words) == 1
    assert '--images' in capsys.readouterr().err
    assert run('label', plain_folder, '--threshold', 1.5, '--out', out) == 1
    assert 'threshold' in capsys.readouterr().err
    assert not out.exists()
