"""Trainings that start from a detector of other classes, on the path that users take."""

import re
from pathlib import Path

import pytest
import torch
from builders.authors_yolox import trained
from builders.shared_data import shared_data
from builders.trainings import small_config, small_data
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmssod import apis
from mmssod.apis.config import build_runner
from mmssod.tiny_detectors import tiny_detector, tiny_semi

ROOT = Path(__file__).parents[2]

CLASSES = ('blob', 'leaf', 'arrow')  # of the drawn data
OTHERS = ('kite', 'arrow', 'bus', 'Blob', 'cat')  # leaf is new
LAYERS = ('fc_cls.weight', 'fc_cls.bias')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp('start') / 'data')


@pytest.fixture
def config(data, tmp_path):
    """A student with an EMA teacher."""
    cfg = small_config(data, tmp_path, max_iters=1)
    cfg.default_hooks.preflight.read_images = 0
    cfg.optim_wrapper.optimizer.lr = 0.0  # so that the weights after a step are those of the start
    cfg.optim_wrapper.optimizer.weight_decay = 0.0
    cfg.default_hooks.checkpoint.interval = 1
    return cfg


@pytest.fixture
def detector():
    """A trained detector of other classes."""
    torch.manual_seed(5)
    model = MODELS.build(tiny_detector(num_classes=len(OTHERS)))
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.05
    return model


def saved(model, folder: Path, classes=OTHERS, name='coco.pth') -> str:
    """Its checkpoint."""
    meta = dict(dataset_meta=dict(classes=classes))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / name)
    return str(folder / name)


def weights_of(work_dir: Path, iteration: int = 1) -> dict:
    return torch.load(work_dir / f'iter_{iteration}.pth', weights_only=False)['state_dict']


def log_of(work_dir: Path) -> str:
    (log,) = work_dir.glob('*/*.log')
    return log.read_text()


def start_of(work_dir: Path) -> list[str]:
    """The lines that the log has of the start."""
    text = log_of(work_dir)
    assert 'do not match exactly' not in text and 'size mismatch' not in text
    assert 'missing keys' not in text and 'unexpected key' not in text
    return re.findall(r' - (start(?: from|,).*)', text)


def part(weights: dict, prefix: str) -> dict:
    return {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}


def test_student_and_teacher_start_from_a_detector_of_other_classes(config, detector, tmp_path):
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=saved(detector, tmp_path))
    weights, theirs = weights_of(tmp_path / 'run'), detector.state_dict()
    student, teacher = part(weights, 'student.'), part(weights, 'labeler.teacher.')
    assert student.keys() == theirs.keys() == teacher.keys()
    for layer in LAYERS:
        name = f'roi_head.bbox_head.{layer}'
        for ours in (student[name], teacher[name]):
            assert torch.equal(ours[[0, 2, 3]], theirs[name][[3, 1, 5]])  # Blob, arrow, background
            assert not any(torch.equal(ours[1], row) for row in theirs[name])
    trained = [n for n, _ in detector.named_parameters()]
    assert len(trained) > 40
    assert all(torch.equal(student[n], theirs[n]) for n in trained if 'fc_cls' not in n)
    assert all(torch.equal(teacher[n], student[n]) for n in trained)
    first, second, third = start_of(tmp_path / 'run')
    total = len(theirs)
    assert f'{total} of {total} weights fit, class weights by name for 2 of 3 classes' in first
    assert "3 of the checkpoint's classes (kite, bus, cat)" in second
    assert third == 'start, new: 1 class (leaf)'


def test_a_supervised_run_starts_likewise(data, config, detector, tmp_path):
    plain = Config.fromfile(config.filename)
    config.model = config.model.detector
    config.train_dataloader = plain.train_dataloader
    loader = config.train_dataloader
    loader.update(batch_size=1, num_workers=0, persistent_workers=False)
    loader.sampler.update(counts=dict(labeled=1))
    loader.dataset.labeled.update(data_root=f'{data}/', metainfo=dict(classes=CLASSES))
    loader.dataset.labeled.pipeline.resize.scale = (64, 64)
    config.default_hooks = {
        **plain.default_hooks,
        'checkpoint': config.default_hooks.checkpoint,
        'preflight': config.default_hooks.preflight,
    }
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=saved(detector, tmp_path))
    weights, theirs = weights_of(tmp_path / 'run'), detector.state_dict()
    for layer in LAYERS:
        name = f'roi_head.bbox_head.{layer}'
        assert torch.equal(weights[name][[0, 2, 3]], theirs[name][[3, 1, 5]])
    assert len(start_of(tmp_path / 'run')) == 3


def frozen(cfg: Config) -> Config:
    cfg.model.labeler = dict(type='FrozenTeacher')
    cfg.default_hooks.pop('ema')
    return cfg


def test_a_frozen_teacher_must_know_all_classes(config, detector, tmp_path):
    with pytest.raises(
        ValueError, match='(?s)a frozen teacher that does not know all classes'
    ) as e:
        apis.train(
            frozen(config), work_dir=str(tmp_path / 'run'), load_from=saved(detector, tmp_path)
        )
    assert "without ['leaf']" in str(e.value) and 'EMATeacher' in str(e.value)
    assert not list((tmp_path / 'run').glob('*.pth'))


@pytest.mark.parametrize(
    'classes', [('arrow', 'Leaf', 'blob'), ('x', 'blob', 'y', 'arrow', 'leaf')]
)
def test_a_frozen_teacher_may_know_them_in_another_order_and_more(config, tmp_path, classes):
    torch.manual_seed(5)
    teacher = MODELS.build(tiny_detector(num_classes=len(classes)))
    start = saved(teacher, tmp_path, classes)
    apis.train(frozen(config), work_dir=str(tmp_path / 'run'), load_from=start)
    weights, theirs = weights_of(tmp_path / 'run'), teacher.state_dict()
    places = [[name.casefold() for name in classes].index(name) for name in CLASSES]
    for prefix in ('student.', 'labeler.teacher.'):
        for layer in LAYERS:
            name = f'roi_head.bbox_head.{layer}'
            ours = weights[prefix + name]
            assert torch.equal(ours, theirs[name][[*places, len(classes)]])
    assert start_of(tmp_path / 'run')[2] == 'start, new: nothing'


def of_a_run(folder: Path, classes=CLASSES[::-1]) -> tuple[str, dict]:
    """A checkpoint of a run with student and teacher of other class orders, and its weights."""
    torch.manual_seed(5)
    weights = MODELS.build(tiny_semi(labeler='EMATeacher')).state_dict()
    meta = dict(dataset_meta=dict(classes=classes), epoch=0, iter=1, ema_teacher_loaded=False)
    torch.save(dict(state_dict=weights, meta=meta, message_hub={}), folder / 'run.pth')
    return str(folder / 'run.pth'), weights


def test_student_and_teacher_of_another_order_are_a_start_too(config, tmp_path):
    """Of a run with student and teacher, both are sorted anew, and each stays what it was."""
    start, theirs = of_a_run(tmp_path)
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=start)
    weights = weights_of(tmp_path / 'run')
    for prefix in ('student.', 'labeler.teacher.'):
        name = f'{prefix}roi_head.bbox_head.fc_cls.weight'
        # The hook lets the teacher follow the student, a tenth of the way.
        if prefix == 'student.':
            assert torch.equal(weights[name], theirs[name][[2, 1, 0, 3]])
            continue
        student = theirs['student.roi_head.bbox_head.fc_cls.weight']
        expected = (theirs[name].lerp(student, 0.1))[[2, 1, 0, 3]]
        torch.testing.assert_close(weights[name], expected)
    assert start_of(tmp_path / 'run')[2] == 'start, new: nothing'


def test_to_resume_nothing_moves(config, tmp_path):
    """As many classes in another order: an error, as ever."""
    start, _ = of_a_run(tmp_path)
    with pytest.raises(ValueError, match='trained on other classes, or in another order'):
        apis.train(config, work_dir=str(tmp_path / 'run'), resume=start)


def test_a_runner_of_ones_own_starts_likewise(config, detector, tmp_path):
    @RUNNERS.register_module(force=True)
    class OwnRunner(Runner):
        pass

    config.runner_type = 'OwnRunner'
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=saved(detector, tmp_path))
    assert len(start_of(tmp_path / 'run')) == 3
    config.work_dir = str(tmp_path / 'other')
    runner = build_runner(config)
    assert isinstance(runner, OwnRunner) and type(runner).__name__ == 'OwnRunner'
    config.runner_type = 'NoRunner'
    with pytest.raises(ValueError, match="expected a registered runner, got 'NoRunner'"):
        build_runner(config)


def test_hooks_see_what_was_loaded(config, detector, tmp_path):
    """In the checkpoint's names, of the model's sizes: mmengine's EMAHook loads it into its own copy."""
    seen = []

    class Look:
        priority = 50

        def after_load_checkpoint(self, runner, checkpoint):
            states = checkpoint['state_dict'], runner.model.state_dict()
            seen.extend({name: value.clone() for name, value in state.items()} for state in states)

    config.work_dir, config.load_from = str(tmp_path / 'run'), saved(detector, tmp_path)
    runner = build_runner(config)
    runner._hooks.append(Look())
    runner.train()
    loaded, state = seen
    assert loaded.keys() == detector.state_dict().keys()
    for name, value in loaded.items():
        assert torch.equal(value, state[f'student.{name}']), name
    assert not runner.start_fit.misfits.other_shape


# ------------------------------------------------------------------ names and addresses


def test_an_address(config, detector, tmp_path, server):
    saved(detector, server.folder)
    start = f'{server.address}/coco.pth'
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=start)
    assert f'start from {start}: ' in start_of(tmp_path / 'run')[0]
    # The config of the run names what the user named.
    assert Config.fromfile(tmp_path / 'run/config.py').load_from == start


@pytest.mark.parametrize(
    ('start', 'wrong'),
    [
        ('yolox_nanoo', 'did you mean yolox_nano'),
        ('http://127.0.0.1:9/a.pth', 'cannot be fetched'),
    ],
)
def test_a_start_that_is_none_comes_with_all_else_that_is_wrong(config, tmp_path, start, wrong):
    config.optim_wrapper.optimizer.speed = 3
    with pytest.raises(ValueError) as raised:
        apis.train(config, work_dir=str(tmp_path / 'run'), load_from=start)
    said = str(raised.value)
    assert '2 problems' in said and wrong in said and 'speed' in said
    assert not (tmp_path / 'run').exists()


def test_a_teacher_and_its_student(config, tmp_path):
    """The teacher's start is looked for before either is trained."""
    teacher = tmp_path / 'teacher.py'
    teacher.write_text("_base_ = './config.py'\nload_from = 'yolox_nanoo'\n")
    (tmp_path / 'plain.py').write_text('')
    config.dump(tmp_path / 'config.py')
    student = Config.fromfile(tmp_path / 'config.py')
    student.load_from = str(tmp_path / 'teacher/iter_1.pth')
    with pytest.raises(ValueError, match='did you mean yolox_nano'):
        apis.train_with_teacher(str(teacher), student, work_dir=str(tmp_path / 'run'))


def test_a_dry_run_says_what_would_fit(config, detector, tmp_path):
    report = apis.dry_run(config, load_from=saved(detector, tmp_path))
    text = apis.report_text(report)
    assert len(report['start']) == 3 and all(line in text for line in report['start'])


# ------------------------------------------------------------------ COCO's weights


def nano(cfg: Config, labeler: str) -> Config:
    """The config with YOLOX-Nano for its classes; it is changed."""
    model = Config.fromfile(ROOT / 'configs/_base_/models/yolox_nano.py').model
    model.bbox_head.num_classes = len(CLASSES)
    images = dict(
        type='MultiBranchDataPreprocessor', data_preprocessor=model.data_preprocessor.to_dict()
    )
    cfg.model.detector, cfg.model.data_preprocessor = model, images
    cfg.model.balancer = dict(type='ClassBalancer', threshold=0.3)
    cfg.model.labeler = dict(type=labeler)
    cfg.default_hooks.pop('class_balance')
    if labeler == 'SelfLabeler':
        cfg.default_hooks.pop('ema')
    return cfg


def assert_coco_lines(work_dir: Path) -> None:
    """All but the six class layers fit: batch norm's counters are not in some files."""
    first, second, third = start_of(work_dir)
    fitted, total = map(int, re.search(r'(\d+) of (\d+) weights fit', first).groups())
    assert fitted == total - 6 >= 636 and 'class weights by name for 0 of 3 classes' in first
    assert "80 of the checkpoint's classes (person, bicycle, car, motorcycle, ...)" in second
    assert third == 'start, new: 3 classes (blob, leaf, arrow)'


@pytest.mark.parametrize('labeler', ['EMATeacher', 'SelfLabeler'])
def test_yolox_nano_from_a_file_of_coco(config, tmp_path, labeler):
    weights = shared_data() / 'weights/yolox_nano_coco.safetensors'
    apis.train(nano(config, labeler), work_dir=str(tmp_path / 'run'), load_from=str(weights))
    assert_coco_lines(tmp_path / 'run')


def test_yolox_nano_by_its_name(config, tmp_path, weights):
    """The authors' file, put where an error without a network says: student and teacher begin with it."""
    theirs = trained(width=16, depthwise=True, num_classes=80).state_dict()
    weights.mkdir()
    torch.save(dict(model=theirs, start_epoch=300), weights / 'yolox_nano.pth')
    apis.train(nano(config, 'EMATeacher'), work_dir=str(tmp_path / 'run'), load_from='YOLOX-Nano')
    assert_coco_lines(tmp_path / 'run')
    ours = weights_of(tmp_path / 'run')
    weight = theirs['backbone.backbone.dark3.1.conv1.conv.weight']
    for prefix in ('student.', 'labeler.teacher.'):
        assert torch.equal(ours[f'{prefix}backbone.stage2.1.main_conv.conv.weight'], weight)
