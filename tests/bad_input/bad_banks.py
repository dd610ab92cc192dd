"""Label banks that do not hold what the training would compute."""

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from bad_input_cases import STOP, USED, cases_of, error_of
from builders.banks import bank, header, image
from builders.fakes import FakeDataset
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmssod.datasets.image_files import UnreadableImageError
from mmssod.engine.preflight import part_problems
from mmssod.label_bank import LabelBankFiles
from mmssod.label_bank.checks import absent_images
from mmssod.label_bank.making import close_bank, label_shards
from mmssod.label_bank.plan import BankPlan
from mmssod.label_bank.progress import BankProgress
from mmssod.models.checkpoint_parts import teacher_digest
from mmssod.tiny_detectors import tiny_detector

case = cases_of('Label banks')
SHIPPED = Path(__file__).parents[2] / 'configs/label_bank/demo.py'
FOUND = [image(number) for number in range(3)]
VIEW = [dict(type='LoadWholeImage'), dict(type='Resize', scale=[160, 160], keep_ratio=True)]


def weights(file: Path, seed: int = 0) -> str:
    """The checkpoint of a teacher."""
    init_default_scope('mmdet')
    torch.manual_seed(seed)
    model = MODELS.build(tiny_detector())
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), file)
    return str(file)


def student(folder: Path, **changes) -> Config:
    """The shipped student of a bank in ``folder``, which fits but for the changes."""
    cfg = Config.fromfile(SHIPPED)
    cfg.load_from = weights(folder / 'teacher.pth')
    fitting = dict(classes=tuple(cfg.classes), view=VIEW, teacher=teacher_digest(cfg.load_from))
    bank(folder / 'bank', FOUND, **{**fitting, 'floor': 0.1, **changes})
    cfg.model.labeler.path = str(folder / 'bank')
    return cfg


def said(cfg: Config) -> str:
    return '\n'.join(map(str, part_problems(cfg)))


@case('one that fits', USED, '^none$')
def fits(folder):
    return said(student(folder)) or 'none'


class Source(FakeDataset):
    """Three unlabeled images, of which the second cannot be read."""

    def get_data_info(self, index):
        return dict(img_id=index, img_path=self.images[index])

    def __getitem__(self, index):
        if index == 1:
            raise UnreadableImageError('1.jpg: truncated')
        meta = dict(img_id=index, img_path=self.images[index], img_shape=(64, 64))
        image = torch.full((3, 64, 64), 99, dtype=torch.uint8)
        return dict(
            inputs=image, data_samples=DetDataSample(metainfo=dict(meta, ori_shape=(64, 64)))
        )


def plan(folder: Path) -> BankPlan:
    made_of = replace(header(3, 3), checkpoint=weights(folder / 'teacher.pth'))
    made_of.save(folder)
    model = dict(labeler={}, detector=tiny_detector())
    model['detector']['data_preprocessor'] = dict(type='DetDataPreprocessor')
    return BankPlan(
        Config(dict(model=model)), folder, made_of, Source(['0.jpg', '1.jpg', '2.jpg']), False
    )


@case(
    'an image that cannot be read, as the bank is made',
    'no boxes, counted, listed (`unreadable.txt`); more than training may skip: error',
    r'1\.jpg\n.*\[0, 0\]',
)
def unreadable(folder):
    made = plan(folder)
    progress = BankProgress(folder, made.header, shown=False)
    cpu = torch.device('cpu')
    label_shards(made, [0], cpu, batch_size=2, workers=0, progress=progress)
    close_bank(made, coco=False)
    files = LabelBankFiles(folder)
    boxes = [len(files.look_up(1, '1.jpg', mirrored=flip).boxes) for flip in (False, True)]
    return f'{(folder / "unreadable.txt").read_text()}{boxes}'


@case('two images of one id, as the bank is made', 'error before labeling', 'the id 7 of')
def twice(folder):
    made = plan(folder)
    made.dataset.get_data_info = lambda index: dict(img_id=7, img_path='a.jpg')
    return error_of(made.require_own_ids)


@case('no bank', STOP, 'no label bank')
def none(folder):
    cfg = student(folder)
    cfg.model.labeler.path = str(folder / 'none')
    return said(cfg)


@case('damaged: a byte changed', STOP, 'CRC-32')
def flipped(folder):
    cfg = student(folder)
    file = folder / 'bank/shards/00001.boxes'
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    return said(cfg)


@case('damaged: a byte of its index changed', STOP, r'damaged: .*rows\.npy')
def flipped_index(folder):
    cfg = student(folder)
    file = folder / 'bank/rows.npy'
    content = bytearray(file.read_bytes())
    content[-8] ^= 1
    file.write_bytes(content)
    return said(cfg)


@case('damaged: a file cut off', STOP, r'\d+ bytes')
def cut(folder):
    cfg = student(folder)
    file = folder / 'bank/shards/00000.boxes'
    file.write_bytes(file.read_bytes()[:-1])
    return said(cfg)


@case('other classes', STOP, r"other classes.*\n.*\n.*'blob', 'leaf'")
def classes(folder):
    return said(student(folder, classes=('blob', 'leaf')))


@case(
    'stale: the teacher was trained anew',
    STOP,
    'was made by another teacher.*\n.*digest.*\n.*digest',
)
def stale(folder):
    cfg = student(folder)
    weights(folder / 'teacher.pth', seed=1)
    return said(cfg)


@case('a floor above the least threshold', STOP, 'lacks boxes that the thresholds may ask for')
def floor(folder):
    return said(student(folder, floor=0.99))


@case('another weak view', STOP, 'another weak view')
def view(folder):
    return said(student(folder, view=VIEW[:1]))


@case(
    'a header edited by hand: `shard_size: 0`, `teacher: 7`, `floor: 0.01`, ...',
    STOP,
    '(?s)(damaged.*it was edited.*){9}',
)
def edited(folder):
    cfg = student(folder)
    file = folder / 'bank/bank.json'
    whole = json.loads(file.read_text())
    wrong = dict(
        shard_size=0, teacher=7, floor='x', mirrored=1, images='3', view=7, classes=['a', 1]
    )
    found = []
    for change in [{name: value} for name, value in wrong.items()] + [
        dict(images=4),
        dict(floor=0.01),
    ]:
        file.write_text(json.dumps({**whole, **change}))
        found.append(said(cfg))
    return '\n'.join(found)


@case(
    'other pictures of the same names, of another size',
    STOP,
    r'is of other pictures: 1 of 1 looked up.*\n.*\n.*0.jpg: 30 x 20, labeled at 64 x 48',
)
def other_pictures(folder):
    student(folder)
    path = folder / '0.jpg'
    assert cv2.imwrite(str(path), np.zeros((20, 30, 3), np.uint8))
    dataset = FakeDataset([path])
    dataset.get_data_info = lambda index: dict(img_id=0, img_path=str(path))
    return '\n'.join(map(str, absent_images(LabelBankFiles(str(folder / 'bank')), dataset)))


@case('of an earlier version', STOP, 'of an earlier version')
def earlier(folder):
    cfg = student(folder)
    file = folder / 'bank/bank.json'
    file.write_text(file.read_text().replace('label bank 2', 'label bank 1'))
    return said(cfg)


@case('images whose names are not UTF-8', USED, '^[1-9]')
def not_utf8(folder):
    name = os.fsdecode(b'caf\xe9.jpg')
    bank(folder / 'bank', [image(0, path=f'images/{name}')])
    files = LabelBankFiles(folder / 'bank')
    return str(len(files.look_up(0, f'elsewhere/{name}', mirrored=False).boxes))


@case(
    'an image that the bank lacks, or whose id is that of another file',
    STOP,
    '(?s)1 of 3 unlabeled images looked up.*1 of 3 unlabeled images looked up',
)
def missing(folder):
    student(folder)
    files = LabelBankFiles(str(folder / 'bank'))
    said = []
    for strange in ((99, 'images/99.jpg'), (2, 'images/renamed.jpg')):
        named = [(0, 'images/0.jpg'), (1, 'images/1.jpg'), strange]
        dataset = FakeDataset(named)
        dataset.get_data_info = lambda index, named=named: dict(
            img_id=named[index][0], img_path=named[index][1]
        )
        said += map(str, absent_images(files, dataset))
    return '\n'.join(said)
