"""A format is one file: the example of docs/formats.md, laid into the folder of formats, is known to every command."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from builders.drawn_images import images_of, labels_of

from mmssod.cli import main
from mmssod.datasets import formats
from mmssod.datasets.formats import LabelFormat

EXAMPLE = Path(__file__).parents[2] / 'docs/examples/csv_boxes/csv_boxes.py'


@pytest.fixture
def csv_boxes(tmp_path, monkeypatch):
    """The folder of formats has one file more, and nothing else is touched."""
    formats.formats()  # enters the shipped ones, which stay
    monkeypatch.setattr(LabelFormat, 'known', dict(LabelFormat.known))
    (tmp_path / 'more').mkdir()
    shutil.copy(EXAMPLE, tmp_path / 'more')
    monkeypatch.setattr(formats, '__path__', [*formats.__path__, str(tmp_path / 'more')])
    yield
    sys.modules.pop('mmssod.datasets.formats.csv_boxes', None)


def test_shipped_formats_and_one_more(csv_boxes, capsys):
    assert [*formats.formats()] == ['coco', 'csv', 'cvat', 'label_studio', 'voc', 'yolo']
    for command in ('new', 'label'):
        with pytest.raises(SystemExit):
            main([command, '--help'])
        assert 'a CSV of boxes' in ' '.join(capsys.readouterr().out.split())


def test_new_reads_it(csv_boxes, tmp_path, monkeypatch, capsys):
    """Five images with a cat and a dog each, one without a box: as the same labels in a COCO json."""
    monkeypatch.chdir(tmp_path)
    images_of(tmp_path / 'images', 8)
    boxes = [f'{i}.jpg,{c},20,20' for i in range(5) for c in ('cat,4,5', 'dog,5,5')]
    (tmp_path / 'boxes.csv').write_text('\n'.join([*boxes, '5.jpg']))
    coco = labels_of(5)
    coco['images'].append(dict(id=5, file_name='5.jpg', width=64, height=48))
    (tmp_path / 'boxes.json').write_text(json.dumps(coco))
    written = {}
    for name in ('boxes.csv', 'boxes.json'):
        words = ['new', name, '--unlabeled', 'images', '--detector', 'faster_rcnn_lite']
        assert main([*words, '--out', f'own/{name}', '--classes', 'dog', 'cat']) == 0
        assert '5 labeled images, 1 to evaluate on, 2 unlabeled' in capsys.readouterr().out
        content = json.loads((tmp_path / 'own' / name / 'labeled.json').read_text())
        files = {image['id']: image['file_name'] for image in content['images']}
        assert {(image['width'], image['height']) for image in content['images']} == {(64, 48)}
        names = {c['id']: c['name'] for c in content['categories']}
        assert [*names.values()] == ['dog', 'cat']
        written[name] = [
            (files[b['image_id']], names[b['category_id']], *b['bbox'], b['area'], b['iscrowd'])
            for b in content['annotations']
        ]
    assert len(written['boxes.json']) >= 8 and written['boxes.csv'] == written['boxes.json']


@pytest.mark.parametrize(('text', 'said'), [
    ('0.jpg,cat,1,2,x,4', "boxes.csv: expected a CSV of boxes: could not convert string to float: 'x'"),
    ('gone.jpg,cat,1,2,3,4\n0.jpg,cat,1,2,3,4', 'images are not there'),
    ('0.jpg', 'no box'),
])  # fmt: skip
def test_new_tells_what_is_wrong_in_it(text, said, csv_boxes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    images_of(tmp_path / 'images', 3)
    (tmp_path / 'boxes.csv').write_text(text)
    assert main(['new', 'boxes.csv', '--unlabeled', 'images', '--out', 'own']) == 1
    assert said in capsys.readouterr().err


def test_label_writes_it_and_browse_reads_it(csv_boxes, run_folder, tmp_path, capsys):
    words = [f'{run_folder}/config.py', f'{run_folder}/iter_1.pth', '--threshold', '0.2']
    for kind in ('coco', 'csv'):
        out = ['--format', kind, '--out', str(tmp_path / f'found.{kind}')]
        assert main(['label', *words, *out]) == 0
    coco = json.loads((tmp_path / 'found.coco').read_text())
    read, findings = formats.read_labels(tmp_path / 'found.csv', run_folder / 'unlabeled')
    assert not findings.problems and len(read['images']) == len(coco['images']) == 3
    expected = [box['bbox'] for box in coco['annotations']]
    assert expected and sorted(b['bbox'] for b in read['annotations']) == sorted(expected)
    words = ['browse', f'{run_folder}/config.py', '--number', '1', '--out', str(tmp_path / 'views')]
    assert main([*words, '--boxes', str(tmp_path / 'found.csv')]) == 0
    assert '2 pictures' in capsys.readouterr().out


def test_formats_with_one_ending_look_inside(csv_boxes, tmp_path):
    class Tasks(LabelFormat):
        name, about, ending = 'tasks', 'a json of tasks', '.json'

        def count(self, source):
            return 2 * (super().count(source) and source.read_text().startswith('['))

    (tmp_path / 'tasks.json').write_text('[]')
    (tmp_path / 'coco.json').write_text('{}')
    kinds = [formats.find_format(tmp_path / f'{name}.json').name for name in ('tasks', 'coco')]
    assert kinds == ['tasks', 'coco']


def test_formats_that_only_read_or_only_write(csv_boxes, tmp_path):
    class Seen(LabelFormat):
        name, about, ending, writes = 'seen', 'what was seen', '.seen', False

    class Told(LabelFormat):
        name, about, ending, reads = 'told', 'what was told', '.told', False

    assert [*formats.formats(reads=True)] == [
        'coco',
        'csv',
        'cvat',
        'label_studio',
        'seen',
        'voc',
        'yolo',
    ]
    assert [*formats.formats(writes=True)] == [
        'coco',
        'csv',
        'cvat',
        'label_studio',
        'told',
        'voc',
        'yolo',
    ]
    with pytest.raises(ValueError, match="'label_studio', 'told', 'voc', 'yolo'.*'seen'"):
        formats.write_labels(labels_of(1), tmp_path / 'a.seen', 'seen')
    with pytest.raises(ValueError, match='a CSV of boxes.* or a folder of YOLO txt, got .*a.told'):
        formats.find_format(tmp_path / 'a.told')
