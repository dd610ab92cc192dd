"""``mmssod add``: unlabeled images become labeled, once; configs stay valid; wrong labels are refused."""

import json
import re
import shutil
from pathlib import Path

import pytest

from mmssod.apis import load_config
from mmssod.cli import main
from mmssod.datasets.formats import formats, write_labels
from mmssod.datasets.split import take_images
from mmssod.own_data.detector import Detector
from mmssod.own_data.run.fold_files import labeled_set, named_pool, write_folds
from mmssod.own_data.run.rounds import read_history
from mmssod.own_data.run.stages import project_trainings


def some(coco, *places):
    return take_images(coco, {coco['images'][place]['id'] for place in places})


def add(project, coco, *words, kind='coco', name='labels.json'):
    out = write_labels(coco, project.parent / name, kind)
    return main(['add', str(project), str(out), *words])


def files(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob('*') if path.is_file()}


def boxes(coco):
    names = {category['id']: category['name'] for category in coco['categories']}
    images = {image['id']: Path(image['file_name']).name for image in coco['images']}
    return sorted(
        (images[b['image_id']], names[b['category_id']], *b['bbox']) for b in coco['annotations']
    )


@pytest.mark.parametrize('kind', ['coco', 'cvat', 'label_studio', 'voc', 'yolo'])
def test_each_format_comes_back(kind, project, withheld, capsys):
    """Boxes of two unlabeled images beside the labeled ones; the other four images stay unlabeled."""
    before, pool = labeled_set(project)[0], named_pool(project)
    val = (project / 'val.json').read_bytes()
    coco = some(withheld, 1, 3)
    form = formats()[kind]
    assert (
        add(project, coco, kind=kind, name='labels' if form.folder else f'labels{form.ending}') == 0
    )
    assert '2 images added' in capsys.readouterr().out
    after, root = labeled_set(project)
    expected = sorted(boxes(before) + boxes(coco))
    for found, (file, name, *sides) in zip(boxes(after), expected, strict=True):
        assert found[:2] == (file, name) and found[2:] == pytest.approx(sides, abs=0.011)
    assert all((root / image['file_name']).is_file() for image in after['images'])
    added = {image['file_name'] for image in coco['images']}
    assert set(named_pool(project)) == set(pool) - added and len(pool) == 6
    assert (project / 'val.json').read_bytes() == val
    for key in ('images', 'annotations'):
        assert len({one['id'] for one in after[key]}) == len(after[key])


def test_the_configs_stay_valid_and_movable(project, withheld, tmp_path):
    """Images lie in two folders now; nothing in the configs names the place where the project was."""
    assert add(project, some(withheld, 0)) == 0
    away = shutil.move(project.parent, tmp_path / 'away')
    options = dict(seed=None, amp=False, auto_scale_lr=False, cfg_options=None)
    trainings = project_trainings(Path(away) / 'own', **options)
    assert [one.name for one in trainings] == ['teacher', 'student', 'supervised']
    for one in trainings:
        assert 'moved' not in one.config.pretty_text
    coco, root = labeled_set(Path(away) / 'own')
    assert len(coco['images']) == 9 and (root / coco['images'][-1]['file_name']).is_file()


def test_the_same_once_more_changes_nothing(project, withheld, capsys):
    coco = some(withheld, 0, 1)
    assert add(project, coco) == 0
    before = files(project)
    assert add(project, coco) == 0
    assert (
        '2 images are labeled already, with these boxes: nothing was changed'
        in capsys.readouterr().out
    )
    assert files(project) == before
    assert add(project, some(withheld, 1, 2)) == 0
    assert len(named_pool(project)) == 3 and len(labeled_set(project)[0]['images']) == 11


def test_history_and_the_next_start(trained, withheld):
    """The trainings become a round's; the teacher starts from its student, the baseline as before."""
    assert add(trained, some(withheld, 0, 1)) == 0
    detector = trained / 'rounds/1/work_dirs/student/detector.pth'
    starts = {
        name: load_config(trained / f'{name}.py').load_from for name in ('teacher', 'supervised')
    }
    assert starts == dict(teacher=str(detector), supervised=None) and detector.is_file()
    assert not (trained / 'work_dirs').exists()
    assert Detector(trained).part == 'teacher'  # of the last round, until the next one is trained
    assert add(trained, some(withheld, 2)) == 0  # nothing was trained in between
    first, second = read_history(trained)
    names = [image['file_name'] for image in withheld['images']]
    assert first['images'] == names[:2] and second['images'] == names[2:3]
    assert (
        first['boxes'] == len(some(withheld, 0, 1)['annotations']) == sum(first['classes'].values())
    )
    assert [first['round'], second['round'], second['labeled'], second['unlabeled']] == [
        1,
        2,
        11,
        3,
    ]
    assert re.match(r'\d{4}-\d\d-\d\dT', first['when'])
    assert load_config(trained / 'teacher.py').load_from == str(detector)
    assert Detector(trained).part == 'teacher'


def test_folds_start_where_the_baseline_does(trained, withheld):
    """The last student has learned what a fold holds out."""
    assert add(trained, some(withheld, 0)) == 0
    for place in write_folds(trained, 2, seed=0)[0]:
        assert load_config(place / 'teacher.py').load_from is None


def test_folders_that_tools_drop(project, withheld):
    """An image is told by its base name where that is the only one."""
    coco = some(withheld, 0)
    name = coco['images'][0]['file_name']
    coco['images'][0]['file_name'] = f'task_1/{name}'
    assert add(project, coco) == 0 and name not in named_pool(project)


def test_corrections_take_the_place_of_boxes(project, withheld, capsys):
    coco = some(withheld, 0)
    assert add(project, coco) == 0
    coco['annotations'][0]['bbox'][2] -= 2
    assert add(project, coco) == 1
    assert 'labeled already, with other boxes' in capsys.readouterr().err
    assert add(project, coco, '--corrections') == 0
    after = boxes(labeled_set(project)[0])
    assert set(boxes(coco)) <= set(after)
    assert len(after) == len(
        boxes(json.loads((project.parent / 'data/train.json').read_text()))
    ) + len(boxes(coco))
    assert add(project, coco) == 0 and [entry['replaced'] for entry in read_history(project)][
        1:
    ] != [[]]


def strange_name(project, coco):
    coco['images'][0]['file_name'] = 'elsewhere.png'


def judged(project, coco):
    coco['images'][0]['file_name'] = next((project.parent / 'data/val').iterdir()).name


def strange_class(project, coco):
    coco['categories'][coco['annotations'][0]['category_id'] - 1]['name'] = 'unicorn'


def twice(project, coco):
    coco['images'].append({**coco['images'][0], 'id': 999})


def flat(project, coco):
    coco['annotations'][0]['bbox'][2] = 0


def empty(project, coco):
    coco['images'], coco['annotations'] = [], []


@pytest.mark.parametrize(('spoil', 'said'), [
    (strange_name, '1 images are not in the unlabeled set'),
    (judged, '1 images are images to evaluate on'),
    (strange_class, '1 classes that the project does not have'),
    (twice, '2 images are named more than once'),
    (flat, 'without width or height'),
    (empty, 'labels: empty'),
])  # fmt: skip
def test_wrong_labels_change_nothing(spoil, said, project, withheld, capsys):
    coco = some(withheld, 0)
    spoil(project, coco)
    before = files(project)
    words = ['--images', str(project.parent / 'data/val')] if spoil is judged else []
    assert add(project, coco, *words) == 1
    told = capsys.readouterr().err
    assert said in told and all(f'{word}:' in told for word in ('expected', 'actual', 'fix'))
    assert files(project) == before


def test_a_project_by_hand_is_refused(project, withheld, capsys):
    (project / 'data.py').write_text(
        (project / 'data.py').read_text().replace('labeled_images', 'photos')
    )
    assert add(project, some(withheld, 0)) == 1
    assert 'expected a project of `mmssod new`' in capsys.readouterr().err
