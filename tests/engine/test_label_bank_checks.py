"""A bank that does not hold what the training would compute is said before training."""

import copy

import pytest
import torch
from builders.banks import bank, image
from builders.fakes import FakeDataset
from mmdet.registry import MODELS
from mmengine.config import Config

from mmssod.engine.preflight import part_problems, part_warnings
from mmssod.label_bank import LabelBankFiles
from mmssod.label_bank.checks import absent_images, least_threshold
from mmssod.label_bank.labeler import LabelBank
from mmssod.models.checkpoint_parts import detector_digest, teacher_digest
from mmssod.tiny_detectors import tiny_detector

FOUND = [image(number) for number in range(5)]
VIEW = [dict(type='LoadWholeImage'), dict(type='Resize', scale=[160, 160], keep_ratio=True)]


@pytest.fixture(scope='module')
def shipped():
    return Config.fromfile('configs/label_bank/demo.py')


@pytest.fixture
def teacher(tmp_path):
    torch.manual_seed(0)
    file = tmp_path / 'teacher.pth'
    torch.save(dict(state_dict=MODELS.build(tiny_detector()).state_dict()), file)
    return str(file)


@pytest.fixture
def made(tmp_path, shipped, teacher):
    """Make a bank, and give the config of its student."""

    def make(folder='bank', **changes):
        classes = tuple(shipped.classes)
        fitting = dict(classes=classes, view=VIEW, teacher=teacher_digest(teacher), floor=0.1)
        bank(tmp_path / folder, FOUND, **{**fitting, **changes})
        cfg = copy.deepcopy(shipped)
        cfg.model.labeler.path = str(tmp_path / folder)
        cfg.load_from = teacher
        return cfg

    return make


def only_problem(cfg):
    (problem,) = part_problems(cfg)
    assert problem.fix
    return str(problem)


def test_a_bank_that_fits(made, shipped):
    cfg = made(detector=detector_digest(shipped.model.detector))
    assert part_problems(cfg) == part_warnings(cfg) == []


def test_another_config_of_the_same_detector_is_told(made, shipped):
    cfg = made(detector=detector_digest(shipped.model.detector))
    cfg.model.detector.train_cfg.rcnn.sampler.num += 1  # no matter to a teacher
    assert part_warnings(cfg) == []
    cfg.model.detector.test_cfg.rcnn.nms.iou_threshold = 0.9
    (warning,) = part_warnings(cfg)
    assert 'a teacher in the step would label otherwise' in warning
    cfg.load_from = None  # a student of another kind may learn from any bank
    assert part_warnings(cfg) == []


def test_no_bank_and_no_problem(shipped, tmp_path):
    assert part_problems(Config.fromfile('configs/demo/student.py')) == []
    assert part_problems(Config(dict(model=dict(type='FasterRCNN')))) == []
    cfg = copy.deepcopy(shipped)
    cfg.model.labeler.path = str(tmp_path)
    assert 'no label bank' in only_problem(cfg)


class OwnBank(LabelBank):
    """A user's, in no registry."""


@pytest.mark.parametrize('kind', ['LabelBank', 'mmdet.LabelBank', LabelBank, OwnBank])
def test_a_bank_is_asked_however_its_type_is_written(made, kind):
    cfg = made(floor=0.41).to_dict()
    cfg['model']['labeler']['type'] = kind
    assert 'at most 0.4' in only_problem(cfg)


def test_a_damaged_bank(made, tmp_path):
    cfg = made()
    file = tmp_path / 'bank/shards/00001.boxes'
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    assert 'CRC-32' in only_problem(cfg)
    file.write_bytes(content[1:])
    assert f'{len(content)} bytes' in only_problem(cfg)


def test_other_classes(made):
    problem = only_problem(made(classes=('blob', 'leaf')))
    assert 'other classes' in problem and "['blob', 'leaf']" in problem


def test_another_teacher(made, tmp_path):
    cfg = made(teacher='0' * 64)
    problem = only_problem(cfg)
    assert 'another teacher' in problem and '000000000000' in problem and cfg.load_from in problem
    # A resumed run starts from its own checkpoint, which is no teacher.
    cfg.resume = True
    assert part_problems(cfg) == []
    # Unless the teacher is named.
    cfg.model.labeler.checkpoint = cfg.load_from
    assert 'another teacher' in only_problem(cfg)
    # What is not there cannot be compared.
    cfg.model.labeler.checkpoint = str(tmp_path / 'nowhere.pth')
    assert part_problems(cfg) == []


def test_a_named_teacher_counts_and_not_the_students_start(made, tmp_path, teacher):
    cfg = made()
    torch.save(dict(state_dict=MODELS.build(tiny_detector()).state_dict()), tmp_path / 'start.pth')
    cfg.load_from = str(tmp_path / 'start.pth')
    assert 'another teacher' in only_problem(cfg)
    cfg.model.labeler.checkpoint = teacher
    assert part_problems(cfg) == []


@pytest.mark.parametrize(
    ('balancer', 'least'),
    [
        (dict(threshold=0.7, threshold_power=0.05, bounds=(0.4, 0.9)), 0.4),
        (dict(threshold=0.7, threshold_power=0.0, bounds=(0.4, 0.9)), 0.7),
        # without powers no bounds
        (dict(threshold=0.3, threshold_power=0.0, bounds=(0.4, 0.9)), 0.3),
        (dict(threshold=0.95, bounds=(0.4, 0.9)), 0.95),
        (dict(threshold=0.5), 0.5),
        (dict(threshold=0.5, threshold_power=0.1), None),
        (dict(), None),
    ],
)
def test_the_least_threshold(balancer, least):
    assert least_threshold(balancer) == least
    if least is not None:
        power = balancer.get('threshold_power', 0.0)
        module = MODELS.build(dict(type='ClassBalancer', num_classes=2, **balancer))
        module.initialize(torch.tensor([1, 10**9]))
        lowest = module.thresholds().min().item()
        assert lowest >= least - 1e-6 and (power or lowest == pytest.approx(least))


def test_a_floor_above_the_least_threshold(made):
    assert part_problems(made(floor=0.4)) == []
    problem = only_problem(made('high', floor=0.41))
    assert 'at most 0.4' in problem and '--floor 0.4' in problem


def test_another_view(made):
    other = copy.deepcopy(VIEW)
    other[1]['scale'] = [320, 320]
    assert 'another weak view' in only_problem(made(view=other))
    assert 'no labels of mirrored views' in only_problem(made('plain', mirrored=False))


def test_a_random_view_has_no_bank(made):
    cfg = made()
    weak = cfg.train_dataloader.dataset.unlabeled.pipeline.views.weak
    weak.flip.direction = 'vertical'
    assert 'not the same each time' in only_problem(cfg)


def test_a_teacher_needs_pixels(made):
    cfg = made()
    cfg.model.labeler.type = 'FrozenTeacher'
    assert 'without pixels' in only_problem(cfg)


# ------------------------------------------------------------------ images


class Unlabeled(FakeDataset):
    def get_data_info(self, index):
        return dict(img_id=index, img_path=self.images[index])


@pytest.mark.parametrize(
    ('names', 'count', 'text'),
    [
        ([], 0, ''),
        (['0.jpg'], 0, ''),
        ([f'/moved/{n}.jpg' for n in range(5)], 0, ''),
        ([f'{n}.jpg' for n in range(7)], 2, 'not among its 5 images'),
        (['new.jpg', '0.jpg', '2.jpg'], 2, 'belongs to another file'),
    ],
)
def test_images_that_are_not_in_the_bank(made, names, count, text):
    files = LabelBankFiles(made().model.labeler.path)
    problems = absent_images(files, Unlabeled(names)) if names else []
    assert len(problems) == (count > 0)
    if count:
        assert f'{count} of {len(names)} unlabeled images' in problems[0].what
        assert text in str(problems[0])


def test_of_very_many_images_some_are_looked_up(made, monkeypatch):
    monkeypatch.setattr('mmssod.label_bank.checks.MAX_COMPARED_IMAGES', 3)
    files = LabelBankFiles(made().model.labeler.path)
    (problem,) = absent_images(files, Unlabeled(['x.jpg'] * 7))
    assert '3 of 3 unlabeled images' in problem.what
