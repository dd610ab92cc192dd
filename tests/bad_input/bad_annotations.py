"""COCO json that is none, or holds what it should not; each fault in a file of its own."""

import math
import os
import tracemalloc

import cv2
import numpy as np
from bad_input_cases import STOP, USED, WARN, cases_of, coco_content, error_of, write_json
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmssod.datasets import UnlabeledDataset
from mmssod.datasets.annotation_files import LIMIT, read_json
from mmssod.datasets.split import read_coco
from mmssod.engine.preflight import config_problems, part_problems
from mmssod.engine.preflight.data_checks import file_findings
from mmssod.evaluation import evaluate_boxes
from mmssod.tiny_detectors import tiny_batch, tiny_detector, tiny_semi

case = cases_of('Annotations')
CLASSES = ('ant', 'bee')


def look(folder, content, classes=CLASSES) -> str:
    """What the checks before training say of a file whose images are there."""
    if isinstance(content, dict):
        for image in content.get('images', ()):
            path = folder / str(image.get('file_name', 'none'))
            if path.resolve().parent == folder.resolve() and not path.exists():
                cv2.imwrite(str(path), np.zeros((30, 40, 3), np.uint8))
    return file_findings('labeled', write_json(folder, content), classes, str(folder), 10).text()


def unlabeled(images: str) -> list[str]:
    """What the checks before training say of unlabeled images."""
    source = dict(type='UnlabeledDataset', images=images)
    cfg = dict(train_dataloader=dict(dataset=dict(type='SemiDataset', unlabeled=source)))
    return [str(problem) for problem in part_problems(cfg, 'file_problems')]


def changed(**values) -> dict:
    return {**coco_content(), **values}


def with_box(**values) -> dict:
    content = coco_content()
    content['annotations'][0].update(values)
    return content


def with_image(**values) -> dict:
    content = coco_content()
    content['images'][0].update(values)
    return content


def without(part: str, key: str) -> dict:
    content = coco_content()
    del content[part][0][key]
    return content


@case('no file', STOP, 'no annotation file')
def no_file(folder):
    return file_findings('labeled', str(folder / 'none.json'), CLASSES, '', 10).text()


@case('empty file', STOP, 'unreadable.*\n.*\n.*not a json file')
def empty(folder):
    return look(folder, b'')


@case('not JSON', STOP, 'unreadable.*\n.*\n.*not a json file.*line 1')
def not_json(folder):
    return look(folder, b'{"images": [,]}')


@case('cut off', STOP, 'unreadable.*\n.*\n.*not a json file')
def cut(folder):
    return look(folder, write_and_read(folder)[:-20])


def write_and_read(folder) -> bytes:
    with open(write_json(folder, coco_content()), 'rb') as stream:
        return stream.read()


@case('not UTF-8', STOP, "unreadable.*\n.*\n.*UTF-8.*can't decode byte 0xe9")
def latin(folder):
    return look(folder, write_and_read(folder).replace(b'ant', b'caf\xe9'))


@case('hundreds of MB, above the limit', STOP, r'at most 0 MB of annotations are read.*MMSSOD_MAX')
def large(folder):
    before = os.environ.get(LIMIT)
    os.environ[LIMIT] = '0.0001'  # stands for a file that is too large, which would slow the tests
    try:
        return look(folder, coco_content())
    finally:
        os.environ.pop(LIMIT) if before is None else os.environ.update({LIMIT: before})


@case(
    'hundreds of MB, below the limit of 2000 MB',
    USED + '; read whole, which takes some five times its size of memory',
    '^[2-9] times$',
)
def rather_large(folder):
    file = write_json(folder, coco_content(images=10_000))
    tracemalloc.start()
    read_json(file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return f'{most / os.path.getsize(file):.0f} times'


@case('nested a hundred thousand lists deep', STOP, 'nested beyond reason')
def deep(folder):
    return look(folder, b'[' * 100_000)


@case('a number of a million digits', STOP, 'unreadable.*\n.*\n.*digits')
def digits(folder):
    return look(folder, b'{"images": ' + b'9' * 1_000_000 + b'}')


@case('JSON of another kind', STOP, 'no COCO json: without the lists')
def other_kind(folder):
    return look(folder, [1, 2])


@case('no categories', STOP, r"no COCO json: without the lists \['categories'\]")
def no_categories(folder):
    content = coco_content()
    del content['categories']
    return look(folder, content)


@case('categories without names', STOP, '2 invalid categories')
def nameless(folder):
    return look(folder, changed(categories=[dict(id=1), dict(id=2)]))


@case('one class', USED, r'^no problems, loss \d')
def one_class(folder):
    content = changed(categories=[dict(id=1, name='ant')])
    content['annotations'][1]['category_id'] = 1
    init_default_scope('mmdet')
    model = MODELS.build(tiny_semi(detector=tiny_detector(num_classes=1))).train()
    inputs, samples = tiny_batch()
    for sample in samples['labeled']:
        sample.gt_instances.labels *= 0
    loss, _ = model.parse_losses(model.loss(inputs, samples))
    return f'{look(folder, content, ("ant",))}, loss {loss:.3g}'


@case('a category twice', STOP, '1 categories with a duplicate id or name')
def category_twice(folder):
    more = [*coco_content()['categories'], dict(id=3, name='bee')]
    return look(folder, changed(categories=more))


@case(
    'a class of the config is missing',
    STOP,
    r"class names missing from its annotation file: \['cat'\]",
)
def missing_class(folder):
    return look(folder, coco_content(), ('ant', 'bee', 'cat'))


@case('classes in another order', STOP, 'classes in another order')
def other_order(folder):
    return look(folder, coco_content(), ('bee', 'ant'))


@case(
    'a class more than the config has',
    WARN + '; its boxes are left out',
    '1 boxes of classes that are not trained.*bee',
)
def extra_class(folder):
    return look(folder, coco_content(), ('ant',))


@case('a box of an unlisted category', STOP, '1 boxes of classes that are not listed')
def unknown_class(folder):
    return look(folder, with_box(category_id=9))


@case('a box of an unlisted image', STOP, '1 boxes of images that are not listed')
def stray(folder):
    return look(folder, with_box(image_id=9))


@case('duplicate image ids', STOP, '1 duplicate image ids')
def image_ids(folder):
    return look(folder, with_image(id=2))


@case('duplicate annotation ids', STOP, '1 duplicate annotation ids')
def box_ids(folder):
    return look(folder, with_box(id=2))


@case('an image listed twice', STOP, '1 image files that are listed twice')
def listed_twice(folder):
    return look(folder, with_image(file_name='1.png'))


@case(
    'an image listed twice, once as `./a.png`',
    STOP,
    r'1 image files that are listed twice.*\n.*\n.*1.png',
)
def listed_otherwise(folder):
    return look(folder, with_image(file_name='./1.png'))


@case('an image without a name, width or height', STOP, '1 invalid images')
def image_keys(folder):
    return look(folder, without('images', 'width'))


@case('an image of width 0', STOP, '1 invalid images')
def no_width(folder):
    return look(folder, with_image(width=0))


@case(
    'width and height differ from the file',
    STOP,
    '1 of 2 images have another size.*\n.*\n.*80 x 30 in the json, 40 x 30',
)
def other_size(folder):
    return look(folder, with_image(width=80))


@case('image files missing', STOP, '1 of 2 image files are not there')
def files_missing(folder):
    return look(folder, with_image(file_name='deep/none.png'))


@case('a box that is no box: three numbers', STOP, '1 invalid annotations')
def three(folder):
    return look(folder, with_box(bbox=[1, 2, 3]))


@case('a box of text', STOP, '1 invalid annotations')
def words(folder):
    return look(folder, with_box(bbox=['1', '2', '3', '4']))


@case('a box without an area', STOP, '1 invalid annotations')
def no_area(folder):
    return look(folder, without('annotations', 'area'))


@case('a box with NaN', STOP, '1 invalid annotations')
def nan(folder):
    return look(folder, with_box(bbox=[1, math.nan, 3, 4]))


@case('a box with infinity', STOP, '1 invalid annotations')
def infinite(folder):
    return look(folder, with_box(bbox=[1, 2, math.inf, 4]))


@case(
    'a box or an image of 10^400 pixels',
    STOP,
    '(?s)1 invalid images.*1 invalid annotations',
)
def beyond_floats(folder):
    content = with_box(bbox=[1, 2, 10**400, 4], image_id=2)
    content['images'][0]['width'] = 10**400
    return look(folder, content)


@case(
    'categories that are numbers, or whose name is a list',
    STOP + ', with all else that is found',
    '(?s)(invalid categories.*1 of 2 image files are not there.*){2}',
)
def strange_categories(folder):
    said = []
    for categories in ([1, 2], [dict(id=1, name=['a']), dict(id=2, name='bee')]):
        content = {**with_image(file_name='deep/none.png'), 'categories': categories}
        said.append(look(folder, content))
    return '\n'.join(said)


@case(
    'a file name with a null byte, or a half of a Unicode pair',
    STOP,
    r'(?s)2 of 2 image files are not there.*a\\x00/b.png.*2 of 2 .*\\ud800/c.png',
)
def impossible_names(folder):
    said = []
    for name in ('a\0/b.png', '\ud800/c.png'):
        content = with_image(file_name=name)
        file = write_json(folder, content)
        said.append(file_findings('labeled', file, CLASSES, str(folder), 10).text())
    return '\n'.join(said)


@case(
    'unlabeled images with ids that are lists',
    STOP,
    'unlabeled: no images.*\n.*\n.*image ids must be whole numbers or text',
)
def unlabeled_ids(folder):
    file = write_json(folder, with_image(id=[1]))
    return '\n'.join(unlabeled(file))


@case('a box of negative width', STOP, '1 boxes of negative width or height')
def negative(folder):
    return look(folder, with_box(bbox=[20, 3, -10, 12]))


@case('a box of no width', WARN + '; left out', '1 boxes less than a pixel wide or high')
def flat(folder):
    return look(folder, with_box(bbox=[2, 3, 0, 12]))


@case('a box outside its image', WARN + '; left out', '1 boxes wholly outside')
def outside(folder):
    return look(folder, with_box(bbox=[100, 3, 10, 12]))


@case('a box that reaches out of its image', WARN, '1 boxes that reach out of their image')
def reaches_out(folder):
    return look(folder, with_box(bbox=[35, 3, 10, 12]))


@case('boxes written as x1 y1 x2 y2', STOP, '2 of 2 boxes reach out.*\n.*\n.*\n.*x1, y1, x2, y2')
def corners(folder):
    content = coco_content()
    for box in content['annotations']:
        box['bbox'] = [20, 10, 38, 28]
    return look(folder, content)


@case(
    'boxes in shares of the sides, 0 to 1',
    STOP,
    '2 boxes lie within the first pixel.*\n.*in pixels.*\n.*\n.*shares of the sides',
)
def shares(folder):
    content = coco_content()
    for box in content['annotations']:
        box['bbox'] = [0.1, 0.2, 0.5, 0.8]
    return look(folder, content)


@case('the same box twice', WARN, '1 duplicate boxes.*3: .2, 3, 10, 12')
def twice(folder):
    content = coco_content()
    content['annotations'].append({**content['annotations'][0], 'id': 3})
    return look(folder, content)


@case(
    'classes whose names differ only in blanks or in how accents are written',
    STOP,
    r'(?s)(1 classes whose names differ only in blanks.*){2}differ only in blanks or in how accents',
)
def alike(folder):
    said = []
    for first, second in (('ant', 'ant '), ('caf\xe9', 'cafe\u0301')):
        both = [dict(id=1, name=first), dict(id=2, name=second)]
        said.append(look(folder, changed(categories=both), (first, second)))
    named = changed(categories=[dict(id=1, name='ant'), dict(id=2, name='caf\xe9')])
    return '\n'.join([*said, look(folder, named, ('ant', 'cafe\u0301'))])


@case(
    r'image names with the backslashes of Windows, `images\a.png`',
    STOP + '; names the backslash',
    '2 of 2 image files are not there.*\n.*\n.*\n.*backslashes',
)
def backslashes(folder):
    content = coco_content()
    for image in content['images']:
        image['file_name'] = f'images\\{image["file_name"]}'
    (folder / 'images').mkdir()
    file = write_json(folder, content)
    return file_findings('labeled', file, CLASSES, str(folder), 10).text()


@case('text ids of images or categories', USED + ', in training and evaluation', '^1.0 1.0$')
def text_ids(folder):
    said = []
    for image, category in (('scan-1', 1), (1, 'R')):
        box = dict(image_id=image, category_id=category, bbox=[2, 3, 10, 12])
        content = dict(
            images=[dict(id=image, file_name='0.png', width=40, height=30)],
            annotations=[dict(**box, id=1, area=120, iscrowd=0)],
            categories=[dict(id=category, name='ant')],
        )
        assert 'no problems' in look(folder, content, ('ant',))
        said.append(
            str(evaluate_boxes(content, [dict(**box, score=0.9)], [category]).ap().__round__(6))
        )
    return ' '.join(said)


@case('a box larger than its image many times', STOP, '1 boxes more than 4 times as large')
def huge(folder):
    return look(folder, with_box(bbox=[0, 0, 4000, 3000]))


@case(
    'a crowd region',
    WARN + '; background in training, and detections in it are forgiven',
    '1 boxes with iscrowd',
)
def crowd(folder):
    return look(folder, with_box(iscrowd=1))


@case('labeled image named by `..`', STOP, '1 image names that point outside')
def dots(folder):
    return look(folder, with_image(file_name='../../secret.png'))


@case(
    'a json with the suffix `.JSON`', 'looked at like any other', '1 image names that point outside'
)
def capitals(folder):
    content = with_image(file_name='../secret.png')
    dataset = dict(
        type='CocoDataset',
        ann_file=write_json(folder, content, 'train.JSON'),
        metainfo=dict(classes=CLASSES),
    )
    loader = dict(dataset=dict(type='SemiDataset', labeled=dataset))
    return '\n'.join(map(str, config_problems(Config(dict(train_dataloader=loader)))))


@case('labeled image named by an absolute path', STOP, '1 image names that point outside')
def absolute(folder):
    return look(folder, with_image(file_name='/etc/passwd'))


@case(
    r'images named as Windows leads out: `..\..\x.png`, `C:\x.png`, `\x.png`',
    STOP + ', on all systems',
    r'(?s)(1 image names that point outside.*lies outside.*){5}',
)
def windows(folder):
    said = []
    for name in ('..\\..\\x.png', 'a\\..\\..\\x.png', 'C:\\x.png', 'c:x.png', '\\x.png'):
        file = write_json(folder, with_image(file_name=name))
        said.append(file_findings('labeled', file, CLASSES, str(folder), 0).text())
        said += unlabeled(file)
    return '\n'.join(said)


@case('labeled image named by a URL', STOP, '1 image names that point outside')
def url(folder):
    return look(folder, with_image(file_name='http://example.com/a.png'))


@case('unlabeled image named by `..`, an absolute path or a URL', STOP, '(?s)(lies outside.*){3}')
def unlabeled_dots(folder):
    names = ['../../secret.png', '/etc/secret.png', 'http://example.com/a.png']
    said = []
    for name in names:
        (folder / 'list.txt').write_text(f'{name}\n')
        options = dict(data_root=str(folder), data_prefix=dict(img='images'))
        said.append(error_of(UnlabeledDataset, 'list.txt', **options))
    return '\n'.join(said)


@case('a json without boxes given to a tool that needs them', 'error', "no list 'annotations'")
def no_boxes(folder):
    file = write_json(folder, dict(images=[]))
    from pathlib import Path

    return error_of(read_coco, Path(file))
