"""Damaged files of each kind that users give: a word or a result, no traceback, nothing executed, little memory.

``MMSSOD_FUZZ_EXAMPLES`` files of each kind (40 by default); ``docs/results/fuzz.md`` has what more of them found.
"""

import json
import os
import resource
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders.banks import bank, image
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.runner import CheckpointLoader
from mutants import CANARY, CODE, byte_mutants, json_bytes, json_mutants

from mmssod.analysis.report.runs import read_run_folder
from mmssod.cli.main import EXPECTED, about_input, main
from mmssod.label_bank import LabelBankFiles

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get('MMSSOD_FUZZ_EXAMPLES', '40'))
MEMORY = 2**20  # KiB
thorough = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
SIDE = 40
COCO = dict(
    images=[dict(id=n, file_name=f'{n}.jpg', width=SIDE, height=SIDE) for n in range(4)],
    annotations=[
        dict(id=n, image_id=n, category_id=n % 2, bbox=[4, 6, 20, 12], area=240, iscrowd=0)
        for n in range(4)
    ],
    categories=[dict(id=0, name='cat'), dict(id=1, name='dog', supercategory='animal')],
)
DATA_YAML = b'path: .\ntrain: images\nval: images\nnc: 2\nnames: {0: cat, 1: dog}\n'


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """In a folder of its own; nothing planted is executed, and memory grows by less than a gigabyte."""
    monkeypatch.chdir(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert not list(tmp_path.rglob(CANARY))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY


def write_images(folder):
    folder.mkdir(parents=True)
    for number in range(4):
        picture = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
        cv2.imwrite(str(folder / f'{number}.jpg'), picture)


def new(labels, *options):
    """What ``mmssod new`` does with labels; errors that are no word of the command's own are raised."""
    words = ['new', str(labels), '--out', 'out', '--force', '--start', 'none', *map(str, options)]
    assert main(words) in (0, 1)


def read_or_refuse(read):
    """Whether a reader takes a file, or refuses it as the command line would tell it in a line."""
    try:
        read()
    except EXPECTED as error:
        if not about_input(error):
            raise


def test_coco_json(tmp_path):
    write_images(tmp_path / 'images')
    file = tmp_path / 'labels.json'

    @thorough
    @given(json_mutants(COCO))
    def structure(document):
        file.write_bytes(json_bytes(document))
        new(file, '--images', 'images', '--unlabeled', 'images')

    @thorough
    @given(byte_mutants(json_bytes(COCO)))
    def bytes_of_it(content):
        file.write_bytes(content)
        new(file, '--images', 'images', '--unlabeled', 'images')

    structure()
    bytes_of_it()


def test_unlabeled_json_and_list(tmp_path):
    write_images(tmp_path / 'images')
    write_images(tmp_path / 'more')
    Path('labels.json').write_bytes(json_bytes(COCO))

    @thorough
    @given(json_mutants(dict(images=COCO['images'], categories=COCO['categories'])))
    def structure(document):
        Path('pool.json').write_bytes(json_bytes(document))
        new('labels.json', '--images', 'images', '--unlabeled', 'pool.json')

    @thorough
    @given(byte_mutants(b'more/0.jpg\nmore/1.jpg\n'))
    def text(content):
        Path('pool.txt').write_bytes(content)
        new('labels.json', '--images', 'images', '--unlabeled', 'pool.txt')

    structure()
    text()


def test_voc_xml(tmp_path):
    write_images(tmp_path / 'JPEGImages')
    folder = tmp_path / 'Annotations'
    folder.mkdir()
    root = ET.Element('annotation')
    ET.SubElement(root, 'filename').text = '0.jpg'
    size = ET.SubElement(root, 'size')
    thing = ET.SubElement(root, 'object')
    ET.SubElement(thing, 'name').text = 'cat'
    ET.SubElement(thing, 'difficult').text = '0'
    box = ET.SubElement(thing, 'bndbox')
    for tag, value, holder in (
        ('width', SIDE, size), ('height', SIDE, size), ('depth', 3, size),
        ('xmin', 4, box), ('ymin', 5, box), ('xmax', 20, box), ('ymax', 30, box),
    ):  # fmt: skip
        ET.SubElement(holder, tag).text = str(value)
    content = ET.tostring(root)
    for number in range(4):
        (folder / f'{number}.xml').write_bytes(content.replace(b'0.jpg', b'%d.jpg' % number))

    @thorough
    @given(byte_mutants(content))
    def damaged(mutant):
        (folder / '0.xml').write_bytes(mutant)
        new('Annotations', '--unlabeled', 'JPEGImages')

    damaged()


def test_yolo_txt_and_yaml(tmp_path):
    write_images(tmp_path / 'images')
    folder = tmp_path / 'labels'
    folder.mkdir()
    content = b'0 0.5 0.5 0.2 0.3\n1 0.3 0.3 0.1 0.1 0.4 0.4 0.2 0.6\n'
    for number in range(4):
        (folder / f'{number}.txt').write_bytes(content)

    @thorough
    @given(byte_mutants(content))
    def lines(mutant):
        (folder / '0.txt').write_bytes(mutant)
        new('labels', '--classes', 'cat', 'dog', '--unlabeled', 'images')

    @thorough
    @given(byte_mutants(DATA_YAML))
    def names(mutant):
        Path('data.yaml').write_bytes(mutant)
        new('data.yaml', '--unlabeled', 'images')

    @thorough
    @given(byte_mutants(b'cat\ndog\n'))
    def classes(mutant):
        Path('labels/classes.txt').write_bytes(mutant)
        new('labels', '--unlabeled', 'images')

    lines()
    (folder / '0.txt').write_bytes(content)
    names()
    Path('data.yaml').unlink()
    classes()


def test_bank(tmp_path):
    """A damaged bank is refused, or gives the labels that were written."""
    whole = tmp_path / 'whole'
    whole.mkdir()
    bank(whole, [image(number) for number in range(5)])
    files = [file for file in whole.rglob('*') if file.is_file()]
    assert len(files) > 5

    def labels(folder):
        reader = LabelBankFiles(Path(folder))
        return [
            reader.look_up(number, f'images/{number}.jpg', mirrored=mirrored).boxes.tobytes()
            for number in range(5)
            for mirrored in (False, True)
        ]

    written = labels(whole)

    def read():
        assert labels(tmp_path / 'bank') == written

    for file in files:

        @thorough
        @given(st.just(file), byte_mutants(file.read_bytes()))
        def damaged(file, mutant):
            shutil.rmtree('bank', ignore_errors=True)
            shutil.copytree(whole, 'bank')
            Path('bank', file.relative_to(whole)).write_bytes(mutant)
            read_or_refuse(read)

        damaged()


def test_checkpoint():
    meta = dict(
        meta=dict(
            epoch=0, iter=10, cfg='max_iters = 10\n', seed=0, experiment_name='a', time='now',
            dataset_meta=dict(classes=['cat', 'dog']), config='model = dict()\n', hook_msgs=dict(best_ckpt='a.pth'),
        ),
        message_hub=dict(log_scalars={}, runtime_info=dict(iter=10, cfg=CODE), resumed_keys={}),
        optimizer=dict(state={}, param_groups=[dict(lr=0.1)]),
    )  # fmt: skip

    @thorough
    @given(json_mutants(meta))
    def damaged(document):
        torch.save({'state_dict': {'a.weight': torch.zeros(2)}, **(document or {})}
                   if isinstance(document, dict) else document, 'a.pth')  # fmt: skip
        read_or_refuse(lambda: CheckpointLoader.load_checkpoint('a.pth', map_location='cpu'))

    torch.save({'state_dict': {'a.weight': torch.zeros(2)}, **meta}, 'whole.pth')

    @thorough
    @given(byte_mutants(Path('whole.pth').read_bytes()))
    def bytes_of_it(content):
        Path('a.pth').write_bytes(content)
        read_or_refuse(lambda: CheckpointLoader.load_checkpoint('a.pth', map_location='cpu'))

    damaged()
    bytes_of_it()


def test_run_folder(tmp_path):
    """What `mmssod report` reads of a run: the dumped config, its scalars, its name of the last checkpoint."""
    run = tmp_path / 'run'
    scalars = run / '20260101_000000' / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    lines = [
        {'loss': 1.0, 'lr': 0.1, 'time': 0.5, 'iter': 1, 'step': 1},
        {'coco/bbox_mAP': 0.5, 'step': 1},
    ]
    good = {
        scalars: '\n'.join(map(json.dumps, lines)).encode(),
        run
        / 'student.py': b"train_cfg = dict(max_iters=2)\nmodel = dict(type='RetinaNet')\nwork_dir = 'run'\n",
        run / 'last_checkpoint': b'iter_2.pth',
        run
        / 'class_balance.jsonl': b'{"iteration": 1, "thresholds": [0.5], "weights": [1.0], "counts": [3.0]}\n',
    }
    for file, content in good.items():
        file.write_bytes(content)
    for file, content in good.items():

        @thorough
        @given(st.just(file), byte_mutants(content))
        def damaged(file, mutant):
            file.write_bytes(mutant)
            read_or_refuse(lambda: read_run_folder(run))

        damaged()
        file.write_bytes(content)
