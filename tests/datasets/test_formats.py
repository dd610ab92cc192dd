"""VOC xml, YOLO txt and COCO json say the same."""

import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from mmssod.datasets.formats import find_format, formats, read_labels, write_labels
from mmssod.datasets.formats.yolo import yolo_classes
from to_coco import only_images

CLASSES = ['cat', 'dog']
BOXES = [
    ('a.jpg', 0, [3, 4, 20, 10]),
    ('a.jpg', 1, [30, 8, 8, 8]),
    ('sub/b.png', 1, [0, 0, 64, 48]),
]


def picture(path, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), 90, np.uint8))


def data_set(names=('a.jpg', 'sub/b.png', 'blank.jpg'), rows=BOXES, classes=CLASSES):
    ids = {name: number for number, name in enumerate(names, start=1)}
    return dict(
        images=[dict(id=i, file_name=n, width=64, height=48) for n, i in ids.items()],
        categories=[dict(id=i + 1, name=name) for i, name in enumerate(classes)],
        annotations=[
            dict(id=n, image_id=ids[f], category_id=c + 1, bbox=b, area=b[2] * b[3], iscrowd=0)
            for n, (f, c, b) in enumerate(rows, start=1)
        ],
    )


@pytest.fixture
def images(tmp_path):
    for image in data_set()['images']:
        picture(tmp_path / 'images' / image['file_name'])
    return tmp_path / 'images'


def rows_of(coco):
    names = {c['id']: c['name'] for c in coco['categories']}
    files = {i['id']: i['file_name'] for i in coco['images']}
    return sorted(
        (files[b['image_id']], names[b['category_id']], tuple(np.round(b['bbox'], 3)))
        for b in coco['annotations']
    )


@pytest.mark.parametrize('kind', ['coco', 'cvat', 'label_studio', 'voc', 'yolo'])
def test_what_is_written_is_read_again(kind, images, tmp_path):
    ending = '' if formats()[kind].folder else formats()[kind].ending
    out = write_labels(data_set(), tmp_path / f'labels{ending}', kind)
    assert find_format(out).name == kind
    coco, findings = read_labels(out, images)
    assert not findings.problems
    assert rows_of(coco) == rows_of(data_set())
    assert [c['name'] for c in coco['categories']] == CLASSES
    # An image without objects stays one: it is labeled, not unlabeled.
    assert len(coco['images']) == 3
    assert all((i['width'], i['height']) == (64, 48) for i in coco['images'])


def test_voc_counts_from_one_and_marks_difficult_objects(images, tmp_path):
    xml = tmp_path / 'xml' / 'a.xml'
    write_labels(data_set(['a.jpg'], BOXES[:1]), xml.parent, 'voc')
    text = xml.read_text()
    assert '<xmin>4' in text and '<xmax>24' in text
    xml.write_text(text.replace('<bndbox>', '<difficult>1</difficult><bndbox>'))
    coco, _ = read_labels(xml.parent, images)
    assert coco['annotations'][0]['iscrowd'] == 1
    assert coco['annotations'][0]['bbox'] == [3, 4, 20, 10]


def test_yolo_scores_are_written_when_asked_for(tmp_path):
    coco = data_set(['a.jpg'], BOXES[:1])
    coco['annotations'][0]['score'] = 0.75
    lines = [
        (write_labels(coco, tmp_path / str(scores), 'yolo', scores=scores) / 'a.txt')
        .read_text()
        .split()
        for scores in (False, True)
    ]
    assert len(lines[0]) == 5 and len(lines[1]) == 6
    assert lines[0][0] == '0' and float(lines[1][-1]) == 0.75


def test_label_studio_reads_what_was_labeled(images, tmp_path):
    """Of a file with annotations these count, the last one that was not skipped; of an upload the name behind it."""
    shape = dict(type='rectanglelabels', original_width=64, original_height=48)
    value = dict(x=25, y=50, width=50, height=25, rotation=0, rectanglelabels=['cat'])
    first, last = (dict(result=[{**shape, 'value': {**value, 'x': x}}]) for x in (0, 25))
    tasks = [
        dict(
            data=dict(image='/data/upload/1/0123abcd-a.jpg'),
            annotations=[first, last, dict(first, was_cancelled=True)],
        ),
        dict(
            data=dict(image='/data/local-files/?d=sub/b.png'), annotations=[], predictions=[first]
        ),
    ]
    file = tmp_path / 'tasks.json'
    file.write_text(json.dumps(tasks))
    assert find_format(file).name == 'label_studio'
    assert rows_of(read_labels(file, images)[0]) == [('a.jpg', 'cat', (16, 24, 32, 12))]
    tasks[0]['annotations'] = []
    file.write_text(json.dumps(tasks))
    assert rows_of(read_labels(file, images)[0]) == [('sub/b.png', 'cat', (0, 24, 32, 12))]
    last['result'][0]['value']['rotation'] = 30
    file.write_text(json.dumps([dict(tasks[0], annotations=[last])]))
    with pytest.raises(
        ValueError, match='expected rectangles that are not turned, got rotation 30'
    ):
        read_labels(file, images)


def test_label_studio_shows_scored_boxes_as_predictions(tmp_path):
    coco = data_set(['a.jpg'], BOXES[:1])
    coco['annotations'][0]['score'] = 0.75
    (task,) = json.loads(write_labels(coco, tmp_path / 'x.json', 'label_studio').read_text())
    assert 'annotations' not in task and task['predictions'][0]['result'][0]['score'] == 0.75


def test_cvat_polygons_and_turned_boxes(images, tmp_path):
    file = tmp_path / 'x.xml'
    write_labels(data_set(['a.jpg'], BOXES[:1]), file, 'cvat')
    text = file.read_text()
    polygon = '<polygon label="dog" points="1.0,2.0;9.0,3.0;5.0,8.0" />'
    file.write_text(text.replace('</image>', f'{polygon}</image>'))
    found = rows_of(read_labels(file, images)[0])
    assert found == [('a.jpg', 'cat', (3, 4, 20, 10)), ('a.jpg', 'dog', (1, 2, 8, 6))]
    file.write_text(text.replace('<box ', '<box rotation="12" '))
    with pytest.raises(
        ValueError, match='x.xml: expected a CVAT xml: expected boxes that are not turned'
    ):
        read_labels(file, images)
    file.write_text('<annotation />')
    with pytest.raises(ValueError, match='expected <annotations> around all, got <annotation>'):
        read_labels(file, images)


def test_names_of_yolo_classes(tmp_path):
    labels = tmp_path / 'labels' / 'train'
    labels.mkdir(parents=True)
    with pytest.raises(ValueError, match='--classes'):
        yolo_classes(labels)
    (tmp_path / 'classes.txt').write_text('cat\n\ndog')
    assert yolo_classes(labels) == CLASSES
    (labels.parent / 'data.yaml').write_text('names: {0: ant, 1: bee}\n')
    assert yolo_classes(labels) == ['ant', 'bee']


def test_a_yaml_that_does_not_name_all_numbers(tmp_path):
    (tmp_path / 'data.yaml').write_text('names: {0: ant, 2: bee}\n')
    with pytest.raises(ValueError, match=r'expected names for the numbers 0, 1.*\[0, 2\]'):
        yolo_classes(tmp_path)
    (tmp_path / 'data.yaml').write_text('names: [ant\n')
    with pytest.raises(ValueError, match='expected a yaml file'):
        yolo_classes(tmp_path)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('a: &a [x, x]\nnames: [*a, *a]\n', 'aliases'),
        ('names: ' + '[' * 5000, 'expected a yaml file'),
        ('names: [[ant], {b: 1}]\n', 'names as texts'),
        (f'names: [{"x" * 201}]\n', 'at most 200'),
        ('names: {0: ant, bee: [1]}\n', 'expected names for the numbers'),
        ('names: ant\n', 'names as texts'),
    ],
)
def test_a_yaml_that_could_grow_or_names_no_classes(text, said, tmp_path):
    (tmp_path / 'data.yaml').write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        yolo_classes(tmp_path)
    assert len(str(error.value)) < 1000


def test_unrelated_yamls_do_not_stop_the_reading(tmp_path):
    """One with tags of Python above the labels, one that is no yaml beside them."""
    labels = tmp_path / 'sets/labels'
    labels.mkdir(parents=True)
    (tmp_path / 'mkdocs.yml').write_text('emoji: !!python/name:material.emoji\nnames: [wrong]\n')
    (tmp_path / 'sets/other.yaml').write_text('names: [wrong]\n')
    (labels / 'broken.yaml').write_text('names: [ant\n')
    assert yolo_classes(labels, ['cat']) == ['cat']
    with pytest.raises(ValueError, match='--classes'):
        yolo_classes(labels)
    (tmp_path / 'data.yaml').write_text('names: [ant\n')
    assert yolo_classes(labels, ['cat']) == ['cat']
    (tmp_path / 'dataset.yml').write_text('names: [ant, bee]\n')
    (tmp_path / 'data.yaml').unlink()
    assert yolo_classes(labels) == ['ant', 'bee']
    assert yolo_classes(tmp_path / 'sets/other.yaml') == ['wrong']


def yolo_folder(tmp_path, lines, names='names: [cat, dog]\n'):
    """``labels`` with one file for a.jpg, whose image has 64 x 48 pixels."""
    labels = tmp_path / 'labels'
    labels.mkdir()
    (labels / 'a.txt').write_text(lines)
    if names:
        (tmp_path / 'data.yaml').write_text(names)
    return labels


def test_some_classes_of_yolo_keep_their_numbers(images, tmp_path):
    labels = yolo_folder(tmp_path, '0 0.5 0.5 0.5 0.5\n1 0.25 0.5 0.125 0.5\n')
    coco, _ = read_labels(labels, images, classes=['dog'])
    assert [c['name'] for c in coco['categories']] == ['dog']
    # x: (0.25 - 0.0625) * 64; y: 0.25 * 48.
    assert rows_of(coco) == [('a.jpg', 'dog', (12, 12, 8, 24))]
    with pytest.raises(ValueError, match=r"\['bird'\] are not in .*\['cat', 'dog'\]"):
        read_labels(labels, images, classes=['bird'])


def test_given_names_of_yolo_classes_without_a_file(images, tmp_path):
    labels = yolo_folder(tmp_path, '1 0.25 0.5 0.125 0.5\n', names='')
    coco, _ = read_labels(labels, images, classes=['cat', 'dog'])
    assert rows_of(coco) == [('a.jpg', 'dog', (12, 12, 8, 24))]


def test_polygons_are_read_as_the_boxes_around_them(images, tmp_path):
    """A triangle, four corners, a box with a score; and lines that are none of these."""
    lines = (
        '0 0.25 0.5 0.5 0.75 0.375 0.25\n1 0.5 0.5 0.75 0.5 0.75 1 0.5 1\n0 0.5 0.5 0.5 0.5 0.9\n'
    )
    labels = yolo_folder(tmp_path, lines)
    coco, findings = read_labels(labels, images)
    assert not findings.problems
    assert [box['bbox'] for box in coco['annotations']] == [
        [16, 12, 16, 24],
        [32, 24, 16, 24],
        [16, 12, 32, 24],
    ]
    for bad in ('0 0.5 0.5 0.5', '0 0.1 0.1 0.2 0.2 0.3 0.3 0.4'):
        (labels / 'a.txt').write_text(bad)
        assert 'a line of' in read_labels(labels, images)[1].text()


@pytest.mark.parametrize('note', ['README.dataset.txt', 'README.roboflow.txt', 'valid.txt'])
def test_notes_beside_labels_are_no_labels(note, images, tmp_path):
    labels = yolo_folder(tmp_path, '0 0.5 0.5 0.5 0.5\n')
    (labels / note).write_text('a note')
    coco, findings = read_labels(labels, images)
    assert not findings.problems and len(coco['annotations']) == 1


def test_exported_yolo_has_what_ultralytics_asks_for(images, tmp_path):
    out = write_labels(data_set(), tmp_path / 'labels', 'yolo')
    content = yaml.safe_load((out / 'data.yaml').read_text())
    assert content['names'] == {0: 'cat', 1: 'dog'}
    # Paths count from the yaml; labels lie where `images` in an image's path is swapped for `labels`.
    for part in ('train', 'val'):
        image = (out / content[part]).resolve() / 'sub/b.png'
        assert image.is_file()
        assert Path(str(image).replace('/images/', '/labels/')).with_suffix('.txt').is_file()


@pytest.mark.parametrize('kind', ['yolo', 'voc'])
def test_images_that_would_share_a_file_are_refused(kind, tmp_path):
    coco = data_set(['a.jpg', 'a.png'], [])
    with pytest.raises(ValueError, match=r'a\.jpg and a\.png'):
        write_labels(coco, tmp_path / 'labels', kind)


def test_bad_and_lonely_files_are_named_together(images, tmp_path):
    labels = tmp_path / 'labels'
    labels.mkdir()
    (labels / 'a.txt').write_text('0 0.5 0.5 0.2 0.2\n7 0.5 0.5 0.1 0.1\n')
    (labels / 'blank.txt').write_text('0 zero 0.5 0.2 0.2')
    (labels / 'lonely.txt').write_text('0 0.5 0.5 0.2 0.2')
    (labels / 'b.txt').write_text('1 0.5 0.5 0.2 0.2')
    coco, findings = read_labels(labels, images, classes=CLASSES)
    text = findings.text()
    assert [image['file_name'] for image in coco['images']] == ['sub/b.png']
    assert 'a.txt (class 7 of 2)' in text and 'blank.txt' in text and 'lonely.txt' in text


def test_some_classes_of_a_json(images, tmp_path):
    file = tmp_path / 'all.json'
    file.write_text(json.dumps(data_set()))
    coco, _ = read_labels(file, images, classes=['dog'])
    assert {row[1] for row in rows_of(coco)} == {'dog'}
    with pytest.raises(ValueError, match='bird'):
        read_labels(file, images, classes=['bird'])


@pytest.mark.parametrize('make', [Path.mkdir, Path.touch])
def test_neither_format(make, tmp_path):
    make(tmp_path / 'what')
    with pytest.raises(ValueError, match='expected a COCO json'):
        find_format(tmp_path / 'what')


def test_names_that_lead_out_of_the_folder_stay_inside(tmp_path):
    coco = data_set(['../../up.jpg', '/root/abs.jpg'], [])
    write_labels(coco, tmp_path / 'out', 'yolo')
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob('*.txt')}
    assert written == {'out/up.txt', 'out/root/abs.txt', 'out/classes.txt'}


@pytest.mark.parametrize('names', [['b', ' a.jpg '], ['sub/b.png', 'a', '']])
def test_images_of_a_list(names):
    whole = data_set()
    some = only_images(whole, names)
    assert [image['file_name'] for image in some['images']] == ['a.jpg', 'sub/b.png']
    assert only_images(whole, ['b'])['annotations'] == whole['annotations'][2:]


def test_an_image_of_the_list_without_labels():
    with pytest.raises(ValueError, match='all 2 of the list, 1 have none: c.d'):
        only_images(data_set(), ['a', 'c.d'])


def test_labels_in_any_format_become_a_json(images, tmp_path, monkeypatch, capsys):
    """The tool: boxes of VOC xml, of the images of a list, classes in the order asked for."""
    labels = write_labels(data_set(), tmp_path / 'labels', 'voc')
    (tmp_path / 'train.txt').write_text('a\nblank\n')
    words = f'{labels} --images {images} --only {tmp_path}/train.txt --classes dog cat --out {tmp_path}/new/a.json'
    monkeypatch.setattr('sys.argv', ['to_coco.py', *words.split()])
    assert importlib.import_module('to_coco').main() == 0
    coco = json.loads((tmp_path / 'new/a.json').read_text())
    assert rows_of(coco) == rows_of(data_set(rows=BOXES[:2]))
    assert [category['name'] for category in coco['categories']] == ['dog', 'cat']
    assert '2 images, 2 boxes' in capsys.readouterr().out
