"""The same images from every kind of source, annotations unseen, and errors that say what to do."""

import json
import os
import os.path as osp
import shutil

import pytest
from builders.small_images import SIZES, coco_of, write_image, write_json
from mmdet.registry import DATASETS

from mmssod.datasets import UnlabeledDataset
from mmssod.structures.image_ids import name_id

NAMES = sorted(SIZES)


def infos(dataset: UnlabeledDataset) -> list[dict]:
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def paths(dataset: UnlabeledDataset) -> list[str]:
    return [osp.realpath(info['img_path']) for info in infos(dataset)]


def build(root, images, **settings) -> UnlabeledDataset:
    settings.setdefault('serialize_data', False)  # spares the tests a garbage collection each
    config = dict(type='UnlabeledDataset', images=images, data_root=str(root), **settings)
    return DATASETS.build(config)


def test_all_kinds_of_source_give_the_same_images(image_root):
    (image_root / 'list.txt').write_text('\n'.join(NAMES) + '\n\n')
    write_json(image_root / 'list.json', coco_of(NAMES))
    prefix = dict(img='images')
    datasets = [
        build(image_root, 'images'),
        build(image_root, 'images/**/*'),
        build('', str(image_root / 'images')),
        build(image_root, 'list.txt', data_prefix=prefix),
        build(image_root, 'list.json', data_prefix=prefix),
        build(image_root / 'images', '../list.json'),
    ]
    expected = [osp.realpath(image_root / 'images' / name) for name in NAMES]
    for dataset in datasets:
        assert paths(dataset) == expected
        assert all(info['instances'] == [] for info in infos(dataset))


def test_ids_and_sizes(image_root):
    write_json(image_root / 'list.json', coco_of(NAMES))
    from_json = infos(build(image_root / 'images', '../list.json'))
    assert [i['img_id'] for i in from_json] == [100 + i for i in range(5)]
    assert [(i['width'], i['height']) for i in from_json] == [SIZES[n] for n in NAMES]
    from_folder = infos(build(image_root, 'images'))
    assert [i['img_id'] for i in from_folder] == [name_id(name) for name in NAMES]
    assert all('width' not in i for i in from_folder)


def test_ids_stay_when_images_come_and_go(image_root):
    """What a memory or a bank knows by an id is of the same image afterwards; names that are not UTF-8 have one."""
    before = {i['img_path']: i['img_id'] for i in infos(build(image_root, 'images'))}
    write_image(image_root / 'images/A_first.png', 8, 8)
    strange = os.fsdecode(os.fsencode(str(image_root / 'images')) + b'/ol\xe9.png')
    shutil.copy(image_root / 'images/A_first.png', strange)
    (image_root / 'images' / NAMES[-1]).unlink()
    after = {i['img_path']: i['img_id'] for i in infos(build(image_root, 'images'))}
    kept = before.keys() & after.keys()
    assert len(kept) == len(NAMES) - 1 and len(set(after.values())) == len(after) == len(NAMES) + 1
    assert all(before[path] == after[path] for path in kept)


def test_no_leak_annotations_of_nan_change_nothing(image_root):
    clean = write_json(image_root / 'clean.json', coco_of(NAMES, boxes=False))
    content = coco_of(NAMES)
    for annotation in content['annotations']:
        annotation.update(bbox=[float('nan')] * 4, category_id=float('nan'), area=float('nan'))
    content['categories'] = 'withheld'
    spoilt = write_json(image_root / 'spoilt.json', content)
    prefix = dict(img='images')
    first, second = (build(image_root, j, data_prefix=prefix) for j in (clean, spoilt))
    assert infos(first) == infos(second)


@pytest.mark.parametrize('kind', ['json', 'txt'])
def test_exclude_leaves_out_and_counts(image_root, kind):
    labeled = [NAMES[0], NAMES[2]]
    write_json(image_root / 'labeled.json', coco_of(labeled))
    (image_root / 'labeled.txt').write_text('images/' + '\nimages/'.join(labeled))
    dataset = build(image_root, 'images', exclude=f'labeled.{kind}')
    assert dataset.num_excluded == 2
    kept = infos(dataset)
    whole = [i['img_id'] for i in infos(build(image_root, 'images'))]
    assert [i['img_id'] for i in kept] == [whole[n] for n in (1, 3, 4)]
    assert [osp.basename(i['img_path']) for i in kept] == ['b.png', 'c.JPG', 'z.png']


def test_exclude_takes_several_files(image_root):
    for file, name in (('labeled.txt', NAMES[0]), ('val.txt', NAMES[2])):
        (image_root / file).write_text(name)
    dataset = build(image_root, 'images', exclude=['labeled.txt', 'val.txt'])
    assert [osp.basename(i['img_path']) for i in infos(dataset)] == ['b.png', 'c.JPG', 'z.png']


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_lists_in_other_encodings(image_root, encoding):
    """With the byte-order mark of Windows' editors; it is no part of the first name."""
    write_image(image_root / 'images/Köln.png', 8, 8)
    (image_root / 'out.txt').write_text('Köln.png\r\na.jpg', encoding=encoding)
    assert build(image_root, 'images', exclude='out.txt').num_excluded == 2
    assert len(build(image_root, 'out.txt', data_prefix=dict(img='images'))) == 2


def test_exclude_name_that_fits_several(image_root):
    write_image(image_root / 'images/other/a.jpg', 8, 8)
    write_image(image_root / 'images/third/a.jpg', 8, 8)
    (image_root / 'out.txt').write_text('a.jpg')
    assert build(image_root, 'images', exclude='out.txt').num_excluded == 1  # the one so named
    (image_root / 'images/a.jpg').unlink()
    with pytest.raises(ValueError, match=r"'a\.jpg' to exclude fits 2 images"):
        build(image_root, 'images', exclude='out.txt')


def test_subset_lazy_and_length(image_root):
    assert len(build(image_root, 'images', indices=2, serialize_data=True)) == 2
    lazy = build(image_root, 'nowhere', lazy_init=True)  # nothing is read
    with pytest.raises(FileNotFoundError, match='does not exist'):
        lazy.full_init()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', 'no image in text list'),
        ('a.jpg\n2007_000032\n', r'line 2: expected the path of an image .* got .2007_000032'),
        (b'\xff\xfe\x00', 'expected a text in UTF-8'),
    ],
)
def test_bad_lists(image_root, content, message):
    path = image_root / 'list.txt'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        build(image_root, 'list.txt', data_prefix=dict(img='images'))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], "expected a dict with 'images', got list"),
        (dict(categories=[]), r"expected a dict with 'images', got a dict with the keys"),
        (dict(images=[]), 'no image in COCO json'),
        (dict(images=[dict(id=1)]), r"images\[0\] needs a 'file_name'"),
        (dict(images=[dict(id=1, file_name='a.jpg')] * 2), 'image ids must be unique'),
    ],
)
def test_bad_jsons(image_root, content, message):
    write_json(image_root / 'list.json', content)
    with pytest.raises(ValueError, match=message):
        build(image_root, 'list.json', data_prefix=dict(img='images'))


@pytest.mark.parametrize('content', [b'{"images": [', b'\xff\xfe'])
def test_json_that_is_none(image_root, content):
    (image_root / 'list.json').write_bytes(content)
    with pytest.raises(ValueError, match='not a json file in UTF-8'):
        build(image_root, 'list.json')


def test_sizes_that_are_none_count_as_unknown(image_root):
    content = coco_of(NAMES)
    for image, width in zip(content['images'], [0, -3, float('nan'), '12', None], strict=True):
        image['width'] = width
    write_json(image_root / 'list.json', content)
    dataset = build(image_root, 'list.json', data_prefix=dict(img='images'))
    assert all('width' not in info for info in infos(dataset))


def test_missing_and_misplaced(image_root):
    with pytest.raises(FileNotFoundError, match='expected a folder, a glob'):
        build(image_root, 'imagse')
    with pytest.raises(FileNotFoundError, match='list.txt.* does not exist'):
        build(image_root, 'list.txt')
    with pytest.raises(FileNotFoundError, match='list.json.* does not exist'):
        build(image_root, 'list.json')
    with pytest.raises(ValueError, match='no image in glob'):
        build(image_root, 'images/*.md')
    (image_root / 'list.txt').write_text('\n'.join(NAMES))
    with pytest.raises(FileNotFoundError, match='none of the first 5 images .* correct data_root'):
        build(image_root, 'list.txt')


def test_settings_that_make_no_sense(image_root):
    with pytest.raises(ValueError, match='is for lists and jsons'):
        build(image_root, 'images', data_prefix=dict(img='images'))
    with pytest.raises(ValueError, match="the one key 'img'"):
        build(image_root, 'images', data_prefix=dict(image='images'))
    with pytest.raises(TypeError, match='ann_file'):
        build(image_root, 'images', ann_file='x.json')


def test_annotated_json_of_an_unlabeled_image_stays_unread_in_a_pipeline(image_root):
    write_json(image_root / 'list.json', coco_of(NAMES))
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]
    dataset = build(image_root, 'list.json', data_prefix=dict(img='images'), pipeline=pipeline)
    sample = dataset[0]
    assert len(sample['data_samples'].gt_instances) == 0
    assert json.dumps(sample['data_samples'].metainfo['img_id']) == '100'


def test_exclude_of_others_leaves_all_and_of_a_folder_is_refused(image_root):
    (image_root / 'out.txt').write_text('elsewhere.jpg')
    dataset = build(image_root, 'images', exclude='out.txt')
    assert len(dataset) == 5 and dataset.num_excluded == 0
    with pytest.raises(ValueError, match='expected a text list'):
        build(image_root, 'images', exclude='images')
    with pytest.raises(TypeError, match='expected a path, got 5'):
        build(image_root, 5)
