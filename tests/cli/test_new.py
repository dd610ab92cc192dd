"""From images and labels to configs: what is found, what is chosen, what is written."""

import json
import shutil
from pathlib import Path

import cv2
import pytest
import torch
from builders.drawn_images import images_of, labels_of
from mmdet.registry import DATASETS
from mmengine.config import Config

from mmssod import apis
from mmssod.apis.packaged import configs_folder
from mmssod.cli import main
from mmssod.datasets import seeded
from mmssod.datasets.formats import write_labels
from mmssod.datasets.preparation.own_data import LabeledSet, check_labeled
from mmssod.engine.preflight import config_problems
from mmssod.engine.runner_access import count_boxes
from mmssod.environment import named_configs
from mmssod.own_data.new import Machine, make_plan
from mmssod.own_data.new.sets import set_aside

LAPTOP = Machine(gpus=0, memory=8.0, cores=2, name='CPU')
SERVER = Machine(gpus=1, memory=24.0, cores=16, name='GPU')


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Ten images of which the first six have labels, in one folder."""
    monkeypatch.chdir(tmp_path)
    images_of(tmp_path / 'images', 10)
    (tmp_path / 'labels.json').write_text(json.dumps(labels_of(6)))
    return tmp_path


def new(*more):
    """With the paper's method; test_new_start.py has detectors that start from COCO."""
    words = ['labels.json', '--unlabeled', 'images', '--detector', 'faster_rcnn_lite']
    return main(['new', *words, *map(str, more)])


def test_configs_that_pass_the_dry_run(data, capsys):
    assert new('--out', 'own', '--iterations', 40) == 0
    out = capsys.readouterr().out
    assert '5 labeled images, 1 to evaluate on, 4 unlabeled' in out
    assert 'mmssod train own/student.py --teacher own/teacher.py' in out
    cfg = Config.fromfile('own/student.py')
    assert cfg.classes == ('cat', 'dog')
    assert cfg.load_from == str(data / 'own/work_dirs/teacher/iter_40.pth')
    report = apis.dry_run('own/student.py', cfg_options={'train_dataloader.num_workers': 0,
                          'train_dataloader.persistent_workers': False})  # fmt: skip
    assert report['sources'] == dict(labeled=5, unlabeled=4)
    assert report['inputs']['labeled'][0] == cfg.batch == 4
    assert len((data / 'own/data.py').read_text().splitlines()) < 64


def test_large_photographs_are_decoded_once(data, capsys):
    """Larger than four times what is trained: kept in the project, and the samples are the same."""
    assert new('--out', 'small') == 0
    assert Config.fromfile('small/student.py').image_cache is None
    labels = json.loads(Path('labels.json').read_text())
    for file in Path('images').iterdir():
        image = cv2.imread(str(file))
        cv2.imwrite(str(file), cv2.resize(image, None, fx=20, fy=20))
    for image in labels['images']:
        image.update(width=20 * image['width'], height=20 * image['height'])
    Path('labels.json').write_text(json.dumps(labels))
    assert new('--out', 'large') == 0
    assert 'are decoded and resized once' in capsys.readouterr().out
    cfg = Config.fromfile('large/student.py').train_dataloader.dataset
    folder = data / 'large/cache'
    for config in (cfg.labeled, cfg.unlabeled):
        assert Path(config.cache.folder) == folder
        first, again = (DATASETS.build(config) for _ in range(2))
        plain = DATASETS.build({**config, 'cache': None})
        before = len([*folder.rglob('*.image')])
        for source in (first, again):
            with seeded(0):
                found = source[1]['inputs']
            with seeded(0):
                expected = plain[1]['inputs']
            for name, image in expected.items():
                assert image is found[name] is None or torch.equal(image, found[name])
        assert len([*folder.rglob('*.image')]) == before + 1


def test_configs_work_from_every_folder_and_where_they_are_moved(
    data, tmp_path_factory, monkeypatch
):
    (data / 'my data').mkdir()
    assert new('--out', 'my data/own') == 0
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    monkeypatch.chdir(elsewhere)
    moved = elsewhere / 'moved'
    (data / 'my data/own').rename(moved)
    cfg = Config.fromfile('moved/student.py')
    assert cfg.work_dir == f'{moved}/work_dirs/student'
    assert cfg.load_from == f'{moved}/work_dirs/teacher/iter_400.pth'
    sources = DATASETS.build(cfg.train_dataloader.dataset).sources
    assert {name: len(source) for name, source in sources.items()} == dict(labeled=5, unlabeled=4)


def test_a_project_and_the_images_beside_it_move_together(data, monkeypatch):
    """A copy of the folder around both trains elsewhere, where the old place is gone; so does its own checkpoint."""
    (data / 'sets').mkdir()
    (data / 'images').rename(data / 'sets/images')
    (data / 'labels.json').rename(data / 'sets/labels.json')
    monkeypatch.chdir(data / 'sets')
    assert new('--out', 'own', '--iterations', 1) == 0
    for name in ('data', 'teacher', 'student', 'supervised'):
        text = (data / 'sets/own' / f'{name}.py').read_text()
        assert str(data) not in text and str(configs_folder()) not in text
    (data / 'sets').rename(data / 'other machine')
    monkeypatch.chdir(data)
    project = data / 'other machine/own'
    options = ['default_hooks.preflight.read_images=0', 'train_dataloader.num_workers=0',
               'train_dataloader.persistent_workers=False', 'val_cfg=None', 'val_dataloader=None',
               'val_evaluator=None', 'model.backbone.pretrained=False']  # fmt: skip
    assert main(['train', str(project / 'teacher.py'), '--cfg-options', *options]) == 0
    student = Config.fromfile(project / 'student.py')
    assert student.load_from == str(project / 'work_dirs/teacher/iter_1.pth')
    assert Path(student.load_from).is_file()
    sources = DATASETS.build(student.train_dataloader.dataset).sources
    assert {name: len(source) for name, source in sources.items()} == dict(labeled=5, unlabeled=4)


def test_the_baseline_trains_as_long_as_both(data, capsys):
    assert new('--out', 'my own', '--iterations', 40) == 0
    out = capsys.readouterr().out
    assert "mmssod train 'my own/supervised.py'" in out
    runs = ' '.join(f"'my own/work_dirs/{name}'" for name in ('teacher', 'supervised', 'student'))
    assert f'mmssod report {runs}' in out
    both = [
        Config.fromfile(f'my own/{name}.py').train_cfg.max_iters for name in ('teacher', 'student')
    ]
    cfg = Config.fromfile('my own/supervised.py')
    # a student's step costs 1.6 of the teacher's
    assert both == [40, 40] and cfg.train_cfg.max_iters == 40 + 64
    assert cfg.model.type == 'FasterRCNN' and 'unlabeled' not in cfg.train_dataloader.dataset
    assert cfg.work_dir.endswith('my own/work_dirs/supervised')


def test_labeled_images_are_told_by_file_and_content_not_by_name(data, capsys):
    """Among the unlabeled: a link to a labeled image, a copy under another name, and another image of the same name."""
    pool = data / 'pool'
    images_of(pool, 1, size=(60, 40))  # 0.jpg, as one of the labeled ones is called
    (pool / 'link.jpg').symlink_to(data / 'images/1.jpg')
    shutil.copy(data / 'images/2.jpg', pool / 'copy.jpg')
    assert main(['new', 'labels.json', '--unlabeled', 'pool', '--out', 'own']) == 0
    out = capsys.readouterr().out
    assert '1 labeled images among them' in out and '1 copies of labeled images among them' in out
    assert (data / 'own/not_unlabeled.txt').read_text() == 'copy.jpg\nlink.jpg\n'
    cfg = Config.fromfile('own/student.py')
    unlabeled = DATASETS.build(dict(cfg.train_dataloader.dataset.unlabeled, pipeline=[]))
    assert [unlabeled.get_data_info(i)['img_path'] for i in range(len(unlabeled))] == [
        str(pool / '0.jpg')
    ]


@pytest.mark.parametrize('place', ['.', 'lists', 'images', 'absolute'])
def test_lists_of_unlabeled_images(place, data):
    """Names count from the working folder, from the list's, from the labeled images', or from nowhere."""
    names = {
        '.': 'images/{}',
        'lists': 'beside/{}',
        'images': '{}',
        'absolute': f'{data}/images/{{}}',
    }
    shutil.copytree(data / 'images', data / 'lists/beside')
    entries = [dict(id=i, file_name=names[place].format(f'{i}.jpg')) for i in (8, 9)]
    (data / 'lists/more.json').write_text(json.dumps(dict(images=entries)))
    assert main(['new', 'labels.json', '--unlabeled', 'lists/more.json', '--out', 'own']) == 0
    cfg = Config.fromfile('own/student.py')
    unlabeled = DATASETS.build(dict(cfg.train_dataloader.dataset.unlabeled, pipeline=[]))
    paths = [Path(unlabeled.get_data_info(i)['img_path']) for i in range(2)]
    assert len(unlabeled) == 2 and all(path.is_file() and path.is_absolute() for path in paths)


def test_nothing_is_overwritten_unless_forced(data, capsys):
    assert new('--out', 'own', '--iterations', 40) == 0
    (data / 'own/data.py').write_text('changed')
    assert new('--out', 'own') == 1
    assert 'own/data.py' in capsys.readouterr().err
    assert (data / 'own/data.py').read_text() == 'changed'
    assert new('--out', 'own', '--force', '--iterations', 50) == 0
    assert Config.fromfile('own/student.py').iterations == 50


@pytest.mark.parametrize('option', ['labels', '--val', '--unlabeled'])
def test_an_input_is_never_overwritten(option, data, capsys):
    (data / 'own').mkdir()
    for name in ('labeled.json', 'val.json'):
        (data / 'own' / name).write_text(json.dumps(labels_of(6)))
    (data / 'own/not_unlabeled.txt').write_text('images/8.jpg\n')
    before = {file: file.read_text() for file in (data / 'own').iterdir()}
    given = {'labels': 'labels.json', '--unlabeled': 'images'} | {
        option: dict(
            labels='own/labeled.json',
            **{'--val': 'own/val.json', '--unlabeled': 'own/not_unlabeled.txt'},
        )[option]
    }
    labels = given.pop('labels')
    assert main(['new', labels, *(w for pair in given.items() for w in pair), '--val-images', 'images',
                 '--images', 'images', '--out', 'own', '--force']) == 1  # fmt: skip
    assert 'a file that is read would be overwritten' in capsys.readouterr().err
    assert {file: file.read_text() for file in (data / 'own').iterdir()} == before


def test_a_project_inside_the_unlabeled_folder_is_refused(data, capsys):
    assert main(['new', 'labels.json', '--unlabeled', '.', '--out', 'own']) == 1
    assert 'inside a folder that is read' in capsys.readouterr().err


@pytest.mark.parametrize(('size', 'expected'), [(1, 1), (2, 2), (9, 8)])
def test_no_class_loses_its_last_image(size, expected):
    """Ten images: a cat in each of the first five, a dog in the second alone, a bird in the third: these two stay."""
    coco = labels_of(10, boxes=1)
    coco['categories'].append(dict(id=3, name='bird'))
    coco['annotations'] = coco['annotations'][:5] + [
        dict(coco['annotations'][i], id=50 + i, category_id=c) for i, c in ((1, 2), (2, 3))
    ]
    for seed in range(8):
        kept, aside = set_aside(coco, size, seed)
        assert {box['category_id'] for box in kept['annotations']} == {1, 2, 3}
        assert any(box['category_id'] == 1 for box in aside['annotations'])
        ids = [[image['id'] for image in part['images']] for part in (kept, aside)]
        assert sorted(ids[0] + ids[1]) == list(range(10)) and len(ids[1]) == expected
    assert set_aside(coco, size, 3) == set_aside(coco, size, 3)


@pytest.mark.parametrize('detector', ['faster_rcnn_lite', 'yolox_nano'])
def test_difficult_objects_of_voc_are_trained_and_not_evaluated(detector, data, capsys):
    """Of six images with a cat and a dog each, all dogs are difficult; one image is set aside to evaluate on."""
    pytest.importorskip('globox')
    coco = labels_of(6)
    xml = write_labels(coco, data / 'Annotations', 'voc')
    for file in xml.iterdir():
        first, dog, rest = file.read_text().split('<object>')
        assert 'dog' in rest
        file.write_text(f'{first}<object>{dog}<object><difficult>1</difficult>{rest}')
    words = ['new', str(xml), '--images', 'images', '--unlabeled', 'images']
    assert main([*words, '--detector', detector, '--start', 'none', '--out', 'own']) == 0
    out = capsys.readouterr().out
    assert '2.0 boxes per image' in out and 'without a labeled box' not in out
    cfg = Config.fromfile('own/student.py')
    assert config_problems(cfg) == [] and cfg.iscrowd == 'object'
    labeled = DATASETS.build({**cfg.train_dataloader.dataset.labeled, 'pipeline': []})
    assert count_boxes(labeled, 2).tolist() == [5, 5]
    val = json.loads((data / 'own/val.json').read_text())
    assert [box['iscrowd'] for box in val['annotations']] == [0, 1]
    assert cfg.val_dataloader.dataset.type == 'CocoDataset'


def test_crowds_of_a_json_are_background(data):
    coco = labels_of(6)
    for box in coco['annotations'][::4]:
        box['iscrowd'] = 1
    (data / 'labels.json').write_text(json.dumps(coco))
    assert new('--out', 'own') == 0
    cfg = Config.fromfile('own/student.py')
    assert cfg.iscrowd == 'background'
    labeled = DATASETS.build({**cfg.train_dataloader.dataset.labeled, 'pipeline': []})
    written = json.loads((data / 'own/labeled.json').read_text())['annotations']
    assert (
        0
        < count_boxes(labeled, 2)[0]
        == sum(box['category_id'] == 1 and not box['iscrowd'] for box in written)
    )


@pytest.mark.parametrize(('images', 'boxes', 'text'), [
    (1, 2, 'no image can be set aside'),
    (2, 0, 'no box'),
    (0, 0, 'empty'),
])  # fmt: skip
def test_sets_that_cannot_be_divided(images, boxes, text, data, capsys):
    (data / 'labels.json').write_text(json.dumps(labels_of(images, boxes)))
    assert new() == 1
    assert text in capsys.readouterr().err


def test_one_labeled_image_is_enough_beside_others_to_evaluate_on(data):
    (data / 'labels.json').write_text(json.dumps(labels_of(1)))
    others = labels_of(3)
    others['images'][0]['file_name'] = '9.jpg'
    (data / 'val.json').write_text(json.dumps(others))
    assert new('--val', 'val.json', '--val-images', 'images') == 0


@pytest.mark.parametrize(('option', 'value'), [
    ('--iterations', 0), ('--iterations', -5), ('--val-share', 1.0), ('--seed', -1)
])  # fmt: skip
def test_impossible_numbers(option, value, data, capsys):
    assert new(option, value) == 1
    assert option.strip('-').replace('-', '_') in capsys.readouterr().err


@pytest.mark.parametrize(('key', 'lost'), [
    ('images', 'file_name'), ('images', 'id'), ('annotations', 'bbox'), ('annotations', 'image_id'),
    ('categories', 'name'),
])  # fmt: skip
def test_a_damaged_json_is_named(key, lost, data, capsys):
    coco = labels_of(6)
    del coco[key][1][lost]
    (data / 'labels.json').write_text(json.dumps(coco))
    assert new() == 1
    err = capsys.readouterr().err
    assert f'{key}[1]' in err and repr(lost) in err and 'labels.json' in err


def test_ids_and_categories_that_do_not_fit(data, capsys):
    coco = labels_of(6)
    coco['images'][1]['id'] = 0
    coco['annotations'][4]['category_id'] = 7
    (data / 'labels.json').write_text(json.dumps(coco))
    assert new() == 1
    err = capsys.readouterr().err
    assert '1 duplicate image ids' in err and '1 boxes of classes that are not listed' in err


def image_of(**changed):
    return lambda coco: coco['images'][1].update(changed)


def box_of(**changed):
    return lambda coco: coco['annotations'][1].update(changed)


def every_box(change):
    return lambda coco: [change(number, box) for number, box in enumerate(coco['annotations'])]


def every_image(change):
    return lambda coco: [change(image) for image in coco['images']]


@pytest.mark.parametrize('change', [
    every_box(lambda n, box: (box.pop('area'), box.pop('iscrowd'))),
    every_box(lambda n, box: box.update(area=None, iscrowd=None)),
    every_box(lambda n, box: box.update(id=n)),
    every_box(lambda n, box: box.update(id=f'box {n}')),
    every_image(lambda image: (image.pop('width'), image.pop('height'))),
    every_image(lambda image: image.update(width='64')),
    box_of(iscrowd=1),
])  # fmt: skip
def test_what_new_accepts_train_accepts(change, data):
    coco = labels_of(6)
    change(coco)
    (data / 'labels.json').write_text(json.dumps(coco))
    assert new() == 0
    assert config_problems(Config.fromfile('own/student.py')) == []
    written = [json.loads((data / f'own/{name}.json').read_text()) for name in ('labeled', 'val')]
    assert sum(len(part['annotations']) for part in written) == 12
    assert all(box['id'] > 0 and box['area'] for part in written for box in part['annotations'])


@pytest.mark.parametrize(('change', 'text'), [
    (box_of(bbox=None), 'bbox'),
    (box_of(bbox=[1, 2, 3, float('nan')]), 'bbox'),
    (box_of(id=[1]), 'ids that are'),
    (box_of(id=1), 'duplicate annotation ids'),
    (box_of(image_id=77), 'boxes of images that are not listed'),
    (box_of(bbox=[1, 2, 999, 999]), 'times as large as their image'),
    (image_of(id=None), 'ids that are'),
    (image_of(file_name='./0.jpg'), 'listed twice'),
    (image_of(file_name='../images/1.jpg'), 'point outside the image folder'),
    (image_of(width=65), '65 x 48 in the json, 64 x 48 in the file'),
    (lambda coco: Path('images/1.jpg').write_bytes(Path('images/1.jpg').read_bytes()[:-99]), 'truncated'),
    (lambda coco: coco['categories'].append(dict(id=3, name='cat')), 'duplicate id or name'),
])  # fmt: skip
def test_what_train_refuses_new_refuses(change, text, data, capsys):
    coco = labels_of(6)
    change(coco)
    (data / 'labels.json').write_text(json.dumps(coco))
    assert new() == 1
    assert text in capsys.readouterr().err
    assert not (data / 'own').exists()


@pytest.mark.parametrize('name', ["Bob's {cells} $HOME", '細胞'])
def test_configs_load_in_folders_of_unusual_names(name, data, capsys, monkeypatch):
    """Those of mmssod, on which they build, included."""
    home = data / 'mmssod of' / name
    shutil.copytree(configs_folder(), home / 'configs')
    monkeypatch.setattr(named_configs, 'configs_folder', lambda: home / 'configs')
    assert new('--out', name) == 0
    for run in ('teacher', 'student', 'supervised'):
        assert Config.fromfile(f'{name}/{run}.py').work_dir == f'{data}/{name}/work_dirs/{run}'


@pytest.mark.parametrize('name', ['a"b', 'a\\b', 'a\nb', '{{ x }}', 'a::b'])
def test_folders_of_names_that_configs_cannot_hold(name, data, capsys):
    assert new('--out', f'{name}/own') == 1
    err = capsys.readouterr().err
    assert 'out: a path that a config cannot hold' in err and '--out' in err
    assert not (data / name).exists()


def test_all_problems_come_together(data, capsys):
    broken = labels_of(7)
    broken['images'][6]['file_name'] = 'gone.jpg'
    broken['annotations'][0]['bbox'] = [500, 5, 20, 20]
    broken['annotations'][1]['bbox'] = [5, 5, 0, 20]
    (data / 'labels.json').write_text(json.dumps(broken))
    (data / 'images/9.jpg').write_bytes(b'no image')
    assert new() == 1
    out = capsys.readouterr().err
    for part in ('gone.jpg', 'outside their images', 'without width or height', 'cannot be opened'):
        assert part in out
    assert not (data / 'own').exists()


def test_sets_with_a_common_image_are_refused(data, capsys):
    assert new('--val', 'labels.json') == 1
    assert (
        '6 images are in the labeled set and in the one to evaluate on' in capsys.readouterr().err
    )


def yolo_set(data, layout, text):
    """Three images to train on, two to evaluate on, and a yaml."""
    for part, count in (('train', 3), ('val', 2)):
        images, labels = (
            data / 'yolo' / layout.format(kind, part) for kind in ('images', 'labels')
        )
        images.parent.mkdir(parents=True, exist_ok=True)
        images_of(images, count, size=(64, 48) if part == 'train' else (60, 48))
        labels.mkdir(parents=True)
        for number in range(count):
            (labels / f'{number}.txt').write_text(f'{number % 2} 0.5 0.5 0.5 0.5\n')
    (data / 'yolo/own.yaml').write_text(text)


@pytest.mark.parametrize(('layout', 'paths'), [
    ('{}/{}', 'train: images/train\nval: images/val'),
    ('{}/{}', 'path: yolo\ntrain: images/train\nval: images/val'),
    ('{1}/{0}', 'train: ../train/images\nval: ../val/images'),
    ('{}/{}', 'train: images/train'),
    ('{}/{}', 'train: images/train\nval: images/train'),
])  # fmt: skip
def test_the_yaml_of_a_yolo_set(layout, paths, data):
    yolo_set(data, layout, f'{paths}\nnames: {{0: cat, 1: dog}}\n')
    own_val = 'val' in paths.split('\n')[-1].split(': ')[1]
    assert main(['new', 'yolo/own.yaml', '--unlabeled', 'images', '--out', 'own']) == 0
    cfg = Config.fromfile('own/teacher.py')
    assert cfg.classes == ('cat', 'dog')
    counts = [
        len(json.loads((data / f'own/{n}.json').read_text())['images']) for n in ('labeled', 'val')
    ]
    assert counts == ([3, 2] if own_val else [2, 1])
    assert config_problems(cfg) == []


@pytest.mark.parametrize(
    'paths', ['train: [images/train, images/val]', 'train: list.txt', 'nc: 2', '- 1']
)
def test_a_yaml_that_names_no_folder(paths, data, capsys):
    yolo_set(data, '{}/{}', paths)
    assert main(['new', 'yolo/own.yaml', '--unlabeled', 'images', '--out', 'own']) == 1
    assert 'name the folder of the labels' in capsys.readouterr().err


@pytest.mark.parametrize(('change', 'text'), [
    (dict(labels='no.yaml'), 'no file no.yaml'),
    (dict(labels='no.json'), 'no file or folder no.json'),
    (dict(unlabeled='nowhere'), 'nowhere'),
])  # fmt: skip
def test_missing_sources_are_named(change, text, data, capsys):
    given = dict(labels='labels.json', unlabeled='images') | change
    assert main(['new', given['labels'], '--unlabeled', given['unlabeled']]) == 1
    assert text in capsys.readouterr().err


def test_nothing_left_unlabeled(data, capsys):
    (data / 'labels.json').write_text(json.dumps(labels_of(10)))
    assert new() == 1
    assert 'unlabeled: empty' in capsys.readouterr().err


def summary(images=200, boxes_an_image=3.0, median_side=0.2, size=(640, 480)):
    return LabeledSet(images, dict(cat=images, dog=images), boxes_an_image, median_side, size)


def lite_plan(data, machine=LAPTOP, **more):
    return make_plan(data, machine, detector='lite', **more)  # its name in earlier versions


def test_plan_follows_the_machine():
    small, large = lite_plan(summary()), make_plan(summary(), SERVER, detector='r50')
    assert (small.detector, large.detector) == ('faster_rcnn_lite', 'faster_rcnn')
    assert small.batch == 4 and small.rate == 0.0005
    tight = lite_plan(summary(), Machine(0, 1.5, 2, 'CPU'))
    # The rate is in proportion to the batch.
    assert tight.batch == 1 and tight.rate == pytest.approx(0.0005 / 4)
    assert large.workers > small.workers >= 1


def test_plan_follows_the_data():
    few, many = (lite_plan(summary(images)).iterations for images in (20, 400))
    assert (few, many) == (400, 3500)
    assert lite_plan(summary(100000)).iterations == 4000
    assert lite_plan(summary(), iterations=7).iterations == 7
    assert lite_plan(summary(median_side=0.2)).scale == (256, 256)
    # Small objects need larger images, small images are not enlarged beyond the usual size.
    assert lite_plan(summary(median_side=0.04)).scale == (384, 384)
    assert max(lite_plan(summary(median_side=0.04, size=(64, 64))).scale) <= 256
    assert lite_plan(summary(boxes_an_image=15)).rois == 128
    with pytest.raises(ValueError, match='lite'):
        make_plan(summary(), LAPTOP, detector='yolo')


@pytest.mark.parametrize(('count', 'problem'), [(0, 'empty'), (1, None), (3, None)])
def test_checks_of_empty_one_and_many(count, problem, tmp_path):
    images_of(tmp_path, count)
    findings = check_labeled('labeled', labels_of(count), tmp_path)
    assert bool(findings.problems) == (problem is not None)
    assert problem is None or problem in findings.text()


@pytest.mark.parametrize(('cats', 'warned'), [(9, False), (10, True)])
def test_imbalance_is_told_always_and_warned_of_from_ten_on(cats, warned, tmp_path):
    coco = labels_of(11, boxes=1)
    coco['annotations'] = coco['annotations'][: cats + 1]
    coco['annotations'][-1]['category_id'] = 2
    findings = check_labeled('labeled', coco, tmp_path)
    assert findings.counts == (f'labeled: imbalance of classes {cats:.1f} : 1',)
    assert any(f'has {cats} times' in line for line in findings.warnings) == warned


def test_imbalance_and_blank_images_are_named(tmp_path):
    images_of(tmp_path, 31)
    coco = labels_of(31, boxes=1)  # all cats
    coco['annotations'][0]['category_id'] = 2
    coco['annotations'].pop()
    text = check_labeled('labeled', coco, tmp_path).text()
    assert 'labeled: imbalance of classes 29.0 : 1' in text
    assert '29 times' in text and 'dog (1)' in text
