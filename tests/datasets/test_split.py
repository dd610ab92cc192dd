"""The field's protocols bit for bit, parts whole and apart, files that other tools read."""

import copy
import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.datasets import CocoDataset
from pycocotools.coco import COCO

from mmssod.datasets import UnlabeledDataset, split

TOOL = Path(__file__).parents[2] / 'tools/dataset/split.py'


def toy_coco(num_images: int, boxes_each: int = 2) -> dict:
    """Images with ids in no order; class 3 is seen as a crowd only."""
    ids = [int(i) * 7 + 3 for i in np.random.RandomState(0).permutation(num_images)]
    images = [dict(id=i, file_name=f'{i}.jpg', width=20, height=10) for i in ids]
    annotations = []
    for number, image_id in enumerate(ids):
        for j in range(boxes_each):
            annotations.append(
                dict(
                    id=number * boxes_each + j,
                    image_id=image_id,
                    category_id=1 + j % 3,
                    bbox=[1, 1, 5, 5],
                    area=25,
                    iscrowd=int(j % 3 == 2),
                )
            )
    categories = [dict(id=i, name=f'class {i}') for i in (1, 2, 3)]
    return dict(images=images, annotations=annotations, categories=categories, info=dict(year=1))


@pytest.mark.parametrize('total', [117266, 118287])
@pytest.mark.parametrize('percent', [0.5, 1, 2, 5, 10])
def test_stac_draws_what_the_published_scripts_draw(total, percent):
    for fold in (1, 2, 5):
        np.random.seed(fold)
        expected = np.random.choice(range(total), size=int(percent / 100.0 * total))
        drawn = split.draw_stac(total, split.num_draws(total, percent), fold)
        np.testing.assert_array_equal(drawn, np.unique(expected))


def test_numbers_of_coco_partial():
    assert split.num_draws(118287, 1) == 1182
    ones = {len(split.draw_stac(118287, 1182, fold)) for fold in range(1, 6)}
    assert ones <= {1174, 1175}
    tens = [len(split.draw_stac(118287, split.num_draws(118287, 10), f)) for f in range(1, 6)]
    assert min(tens) == 11234 and max(tens) == 11285


def test_soft_teacher_draws_without_replacement():
    np.random.seed(4)
    expected = np.random.choice(range(5000), size=500, replace=False)
    drawn = split.draw_without_replacement(5000, 500, 4)
    np.testing.assert_array_equal(drawn, np.sort(expected))
    assert len(set(drawn)) == 500


@given(
    num_images=st.integers(2, 60),
    share=st.floats(0.01, 0.99),
    fold=st.integers(0, 1000),
    protocol=st.sampled_from(sorted(split.PROTOCOLS)),
)
@settings(max_examples=60, deadline=None)
def test_parts_are_disjoint_complete_ordered_and_repeatable(num_images, share, fold, protocol):
    coco = toy_coco(num_images)
    before = copy.deepcopy(coco)
    size = min(max(1, int(share * num_images)), num_images - 1)
    made = split.split_coco(coco, size=size, fold=fold, protocol=protocol)
    assert coco == before
    labeled, unlabeled = ([i['id'] for i in p['images']] for p in (made.labeled, made.unlabeled))
    order = [i['id'] for i in coco['images']]
    assert [i for i in order if i in labeled] == labeled
    assert [i for i in order if i not in labeled] == unlabeled
    assert len(labeled) == size if protocol != 'stac' else 1 <= len(labeled) <= size
    assert made.withheld['images'] == made.unlabeled['images']
    assert made.unlabeled['annotations'] == []
    both = made.labeled['annotations'] + made.withheld['annotations']
    assert sorted(a['id'] for a in both) == [a['id'] for a in coco['annotations']]
    assert {a['image_id'] for a in made.labeled['annotations']} == set(labeled)
    assert made == split.split_coco(coco, size=size, fold=fold, protocol=protocol)


def test_folds_differ_and_the_global_generator_stays():
    np.random.seed(0)
    expected = np.random.random_sample()
    np.random.seed(0)
    coco = toy_coco(40)
    sums = {split.split_coco(coco, size=10, fold=fold).checksum for fold in range(1, 6)}
    assert len(sums) == 5 and np.random.random_sample() == expected


def test_checksum_depends_on_the_set_of_ids_alone():
    assert split.id_checksum([10, 9, 1]) == split.id_checksum({1, 9, 10})
    assert split.id_checksum([1, 2]) != split.id_checksum([12])
    assert split.id_checksum(['b', 2, 'a']) == split.id_checksum([2, 'a', 'b'])
    assert split.id_checksum([10, 9, 1]) == hashlib.sha256(b'1,9,10').hexdigest()


def test_summary_names_the_classes_without_a_box():
    made = split.split_coco(toy_coco(10, boxes_each=3), size=4, fold=1, protocol='count')
    assert made.boxes_per_class() == {'class 1': 4, 'class 2': 4, 'class 3': 0}
    assert 'without a box     class 3' in made.summary()
    assert f'sha256:{made.checksum}' in made.summary()
    made = split.split_coco(toy_coco(10, boxes_each=0), size=4, fold=1, protocol='count')
    assert 'class 1, class 2, class 3' in made.summary()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(size=0), 'cannot label 0 of 10'),
        (dict(size=10), 'cannot label 10 of 10 images: give 1 to 9'),
        (dict(protocol='stack'), "unknown protocol 'stack'; there are stac, soft_teacher, count"),
    ],
)
def test_bad_requests(change, message):
    with pytest.raises(ValueError, match=message):
        split.split_coco(toy_coco(10), **{**dict(size=2, fold=1), **change})


def test_bad_content():
    coco = toy_coco(3)
    coco['images'].append(coco['images'][0])
    with pytest.raises(ValueError, match='image ids must be unique'):
        split.split_coco(coco, size=1, fold=1)
    coco = toy_coco(3)
    coco['annotations'][0]['image_id'] = 999
    with pytest.raises(ValueError, match=r'images that are not listed: \[999\]'):
        split.split_coco(coco, size=1, fold=1)


@pytest.mark.parametrize('percent', [0, -1, 100, float('nan')])
def test_bad_percent(percent):
    with pytest.raises(ValueError, match='between 0 and 100'):
        split.num_draws(1000, percent)


def test_percent_of_less_than_one_image():
    with pytest.raises(ValueError, match='less than one: ask for at least 2 %'):
        split.num_draws(50, 1)


def test_names():
    assert [split.share_name(percent=p) for p in (1.0, 10, 0.5)] == ['1', '10', '0.5']
    assert split.share_name(count=40) == '40images'


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location('split_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tool_writes_what_mmdet_and_the_unlabeled_data_set_read(tool, tmp_path, capsys):
    source = tmp_path / 'train.json'
    source.write_text(json.dumps(toy_coco(40)))
    args = [str(source), '--percent', '10', '2.5', '--fold', '1', '3', '--keep-boxes']
    assert tool.main([*args, '--out-dir', str(tmp_path / 'out')]) == 0
    stems = [f'train.{fold}@{share}' for share in ('10', '2.5') for fold in (1, 3)]
    kinds = ('', '-unlabeled', '-unlabeled-boxes')
    expected = {f'{stem}{kind}.json' for stem in stems for kind in kinds}
    assert {p.name for p in (tmp_path / 'out').iterdir()} == expected
    said = capsys.readouterr().out
    assert said.count('sha256:') == 4 and 'stac, fold 3: 4 draws of 40 images' in said

    name = str(tmp_path / 'out/train.1@10')
    made = json.loads(Path(f'{name}.json').read_text())
    assert made['info']['year'] == 1 and made['info']['split']['protocol'] == 'stac'
    classes = dict(classes=('class 1', 'class 2', 'class 3'))
    labeled = CocoDataset(ann_file=f'{name}.json', data_prefix=dict(img=''), metainfo=classes)
    assert len(labeled) == len(made['images'])
    withheld = COCO(f'{name}-unlabeled-boxes.json')
    for image in withheld.dataset['images']:
        (tmp_path / image['file_name']).touch()
    unlabeled = UnlabeledDataset(f'{name}-unlabeled.json', data_prefix=dict(img=str(tmp_path)))
    assert len(unlabeled) == len(withheld.getImgIds()) == 40 - len(labeled)
    assert len(withheld.getAnnIds()) == 2 * len(unlabeled)


def test_tool_by_count(tool, tmp_path, capsys):
    source = tmp_path / 'own.json'
    source.write_text(json.dumps(toy_coco(40)))
    assert tool.main([str(source), '--protocol', 'count', '--count', '7']) == 0
    made = {p.name for p in tmp_path.iterdir()}
    assert made == {'own.json', 'own.1@7images.json', 'own.1@7images-unlabeled.json'}
    assert 'labeled images    7\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['--count', '3'], 2, '--protocol stac takes --percent and no --count, --shots'),
        (['--protocol', 'count', '--percent', '3'], 2, 'takes --count and no --percent, --shots'),
        (['--percent', '0.1'], 1, 'less than one'),
        (['--protocol', 'count', '--count', '40'], 1, 'cannot label 40 of 40'),
    ],
)
def test_tool_errors(tool, tmp_path, capsys, arguments, code, message):
    source = tmp_path / 'train.json'
    source.write_text(json.dumps(toy_coco(40)))
    try:
        status = tool.main([str(source), *arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == code and message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'does not exist'), ('{', 'not a json file'), ('[]', "no list 'images'")],
)
def test_tool_on_what_is_no_coco_json(tool, tmp_path, capsys, content, message):
    source = tmp_path / 'train.json'
    if content is not None:
        source.write_text(content)
    assert tool.main([str(source), '--percent', '10']) == 1
    assert message in capsys.readouterr().err


# ---------------------------------------------------------------- shots


def tailed_coco(seed: int, num_images: int = 60) -> dict:
    """Images with up to four boxes each of five classes, each class three times as frequent as the next."""
    random = np.random.RandomState(seed)
    shares = 3.0 ** -np.arange(5)
    images = [dict(id=i, file_name=f'{i}.jpg', width=20, height=10) for i in range(num_images)]
    annotations = []
    for image in range(num_images):
        for name in random.choice(5, size=random.randint(5), p=shares / shares.sum()):
            annotations.append(
                dict(
                    id=len(annotations), image_id=image, category_id=int(name), bbox=[1, 1, 5, 5], area=25, iscrowd=0
                )
            )  # fmt: skip
    categories = [dict(id=i, name=f'class {i}') for i in range(5)]
    return dict(images=images, annotations=annotations, categories=categories)


def counts(coco: dict, images: set) -> dict:
    kept = [box['category_id'] for box in coco['annotations'] if box['image_id'] in images]
    return {c['id']: kept.count(c['id']) for c in coco['categories']}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(0, 50))
def test_each_class_has_the_shots_and_no_image_is_too_many(seed, shots, fold):
    coco = tailed_coco(seed)
    drawn = split.draw_shots(coco, shots, fold)
    assert drawn == split.draw_shots(coco, shots, fold)
    total = counts(coco, {image['id'] for image in coco['images']})
    enough = {name: min(shots, count) for name, count in total.items()}
    found = counts(coco, drawn)
    assert all(found[name] >= enough[name] for name in enough)
    for image in drawn:
        without = counts(coco, drawn - {image})
        assert any(without[name] < enough[name] for name in enough)


def test_shots_by_hand():
    # one box of class 1 and one of class 2 in each image; class 3 is seen as a crowd only
    coco = toy_coco(6)
    for shots in (1, 4):
        assert len(split.draw_shots(coco, shots, fold=1)) == shots
    assert len({frozenset(split.draw_shots(coco, 1, fold)) for fold in range(20)}) > 3
    made = split.split_coco(coco, size=2, fold=1, protocol='shots')
    assert made.labeled['info']['split'] | dict(labeled_ids_sha256='') == dict(
        protocol='shots', fold=1, shots=2, of=6, labeled_ids_sha256=''
    )
    assert len(made.labeled['images']) == 2 and len(made.unlabeled['images']) == 4


@pytest.mark.parametrize(('shots', 'message'), [(0, 'at least 1'), (6, 'take 6 of 6 images')])
def test_shots_that_cannot_be(shots, message):
    with pytest.raises(ValueError, match=message):
        split.split_coco(toy_coco(6), size=shots, fold=1, protocol='shots')


def test_tool_by_shots(tool, tmp_path, capsys):
    file = tmp_path / 'train.json'
    file.write_text(json.dumps(toy_coco(9)))
    assert tool.main([str(file), '--protocol', 'shots', '--shots', '3', '--fold', '2']) == 0
    assert 'shots, fold 2: 3 boxes of each class in 9 images' in capsys.readouterr().out
    assert len(json.loads((tmp_path / 'train.2@3shots.json').read_text())['images']) == 3
