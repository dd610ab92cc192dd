"""The simulation of the labeling loop: what it spoils, what counts as found, and all of it at a toy length."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from builders.trainings import small_data

from label_loop import SPOILT, hit, iou, main, spoil, table


def data_set(number):
    boxes = [
        dict(id=n, image_id=1, category_id=1 + n % 3, bbox=[10.0 * n, 5, 8, 8], area=64, iscrowd=0)
        for n in range(1, number + 1)
    ]
    names = [dict(id=i, name=str(i)) for i in (1, 2, 3)]
    return dict(
        images=[dict(id=1, width=10 * number + 20, height=20)], annotations=boxes, categories=names
    )


def test_what_is_spoilt():
    """30 of 60 boxes, ten in each way; a shifted one overlaps its place by a third, as one that lies beside it."""
    coco = data_set(60)
    spoilt, planted = spoil(coco, 0.5, seed=0)
    assert [sum(box['how'] == how for box in planted) for how in SPOILT] == [10, 10, 10]
    assert len(spoilt['annotations']) == 50 and coco == data_set(60)
    now = {box['id']: box for box in spoilt['annotations']}
    for box in planted:
        if box['how'] == 'removed':
            assert box['id'] not in now
        elif box['how'] == 'shifted':
            assert iou(now[box['id']]['bbox'], box['bbox']) == pytest.approx(1 / 3)
        else:
            assert now[box['id']]['category_id'] not in (box['category_id'], 0, 4)
    assert spoil(coco, 0.5, seed=0)[1] == planted != spoil(coco, 0.5, seed=1)[1]


@pytest.mark.parametrize(('label', 'x', 'expected'), [
    (None, 20, 0), (None, 23, None), (dict(id=2), 50, None), (dict(id=3), 90, 1), (None, 31, 1),
])  # fmt: skip
def test_what_counts_as_found(label, x, expected):
    """The spoilt box itself, unless it was removed, or something found where it was."""
    planted = [
        dict(id=2, image_id=1, bbox=[20, 5, 8, 8], how='removed'),
        dict(id=3, image_id=1, bbox=[30, 5, 8, 8], how='swapped'),
    ]
    one = SimpleNamespace(image_id=1, label=label, found=dict(bbox=[x, 5, 8, 8]))
    assert hit(one, planted) == expected
    assert hit(SimpleNamespace(image_id=2, label=label, found=one.found), planted) is None


def test_the_table_compares_what_is_there(tmp_path):
    for name, ap in (('round_0', 20), ('next_1', 25), ('random_1', 23.5), ('next_2', 30)):
        file = tmp_path / 'seed_0' / f'{name}.json'
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(dict(ap=ap, labeled=60)))
    lines = table(tmp_path, 'rounds')
    assert len(lines) == 4 and '| 25.0 | 23.5 | +1.5 (+1.5) | 1 |' in lines[-1]


@pytest.fixture(scope='module')
def split(tmp_path_factory):
    """Drawn images laid out as a split: all in one folder, unlabeled ones with and without boxes."""
    root = tmp_path_factory.mktemp('split')
    small_data(root)
    parts = dict(labeled='train', unlabeled='unlabeled-withheld', val='val')
    coco = {name: json.loads((root / f'{file}.json').read_text()) for name, file in parts.items()}
    for name, one in coco.items():
        for image in one['images']:
            target = root / 'images' / f'{name}_{image["file_name"]}'
            target.parent.mkdir(exist_ok=True)
            shutil.copy(root / name / image['file_name'], target)
            image['file_name'] = target.name
    bare = {**coco['unlabeled'], 'annotations': []}
    files = {
        'toy': coco['labeled'],
        'toy-unlabeled': bare,
        'toy-unlabeled-boxes': coco['unlabeled'],
        'val': coco['val'],
    }
    for name, one in files.items():
        (root / f'{name}.json').write_text(json.dumps(one))
    return root


@pytest.mark.slow
def test_rounds_and_errors_at_a_toy_length(split, tmp_path, capsys):
    """A round of two images by both arms, resumed without work; then spoilt labels of two folds."""
    words = [
        '--data',
        str(split),
        '--split',
        'toy',
        '--start',
        'none',
        '--out',
        str(tmp_path),
        '--iterations',
        '2',
    ]
    for _ in range(2):
        main(['rounds', *words, '--rounds', '1', '--count', '2'])
        assert capsys.readouterr().out.splitlines()[-1].startswith('| 10 | ')
    for arm in ('next', 'random'):
        result = json.loads((tmp_path / f'seed_0/{arm}_1.json').read_text())
        assert result['labeled'] == 10 and np.isfinite(result['ap'])
        teacher = (tmp_path / f'seed_0/{arm}/teacher.py').read_text()
        assert 'rounds/1/work_dirs/student/detector.pth' in teacher
    main(['errors', *words, '--folds', '2', '--share', '0.3'])
    assert capsys.readouterr().out.splitlines()[-1].startswith('| seed_0 | ')
