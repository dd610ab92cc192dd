"""Label banks that do not hold what the training would compute."""

from pathlib import Path

import torch
from bad_input_cases import STOP, USED, case
from banks import bank, image
from fakes import FakeDataset
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmssod.engine.preflight import absent_images, label_bank_problems
from mmssod.label_bank import LabelBankFiles
from mmssod.models.checkpoint_parts import teacher_digest
from mmssod.testing.tiny import tiny_detector

GROUP = 'Label banks'
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
    return '\n'.join(map(str, label_bank_problems(cfg)))


@case(GROUP, 'one that fits', USED, '^none$')
def fits(folder):
    return said(student(folder)) or 'none'


@case(GROUP, 'no bank', STOP, 'no label bank')
def none(folder):
    cfg = student(folder)
    cfg.model.labeler.path = str(folder / 'none')
    return said(cfg)


@case(GROUP, 'damaged: a byte changed', STOP, 'CRC-32')
def flipped(folder):
    cfg = student(folder)
    file = folder / 'bank/shards/00001.boxes'
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    return said(cfg)


@case(GROUP, 'damaged: a file cut off', STOP, r'\d+ bytes')
def cut(folder):
    cfg = student(folder)
    file = folder / 'bank/shards/00000.boxes'
    file.write_bytes(file.read_bytes()[:-1])
    return said(cfg)


@case(GROUP, 'other classes', STOP, r"other classes.*\n.*\n.*'blob', 'leaf'")
def classes(folder):
    return said(student(folder, classes=('blob', 'leaf')))


@case(
    GROUP,
    'stale: the teacher was trained anew',
    STOP,
    'was made by another teacher.*\n.*digest.*\n.*digest',
)
def stale(folder):
    cfg = student(folder)
    weights(folder / 'teacher.pth', seed=1)
    return said(cfg)


@case(
    GROUP, 'a floor above the least threshold', STOP, 'lacks boxes that the thresholds may ask for'
)
def floor(folder):
    return said(student(folder, floor=0.99))


@case(GROUP, 'another weak view', STOP, 'another weak view')
def view(folder):
    return said(student(folder, view=VIEW[:1]))


@case(
    GROUP,
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
