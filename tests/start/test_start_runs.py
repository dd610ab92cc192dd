"""Trainings that start from a detector of other classes, on the path that users take."""

import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from shared_data import shared_data
from small_training import small_config, small_data

from mmssod import apis
from mmssod.apis.config import build_runner
from mmssod.testing.tiny import tiny_detector

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


def test_student_and_teacher_of_another_order_are_a_start_too(config, detector, tmp_path):
    """Of a run with student and teacher, both are sorted anew."""
    apis.train(config, work_dir=str(tmp_path / 'a'), load_from=saved(detector, tmp_path))
    first = weights_of(tmp_path / 'a')
    checkpoint = torch.load(tmp_path / 'a/iter_1.pth', weights_only=False)
    checkpoint['meta']['dataset_meta']['classes'] = CLASSES[::-1]
    torch.save(checkpoint, tmp_path / 'reversed.pth')
    apis.train(config, work_dir=str(tmp_path / 'b'), load_from=str(tmp_path / 'reversed.pth'))
    second = weights_of(tmp_path / 'b')
    for prefix in ('student.', 'labeler.teacher.'):
        name = f'{prefix}roi_head.bbox_head.fc_cls.weight'
        assert torch.equal(second[name], first[name][[2, 1, 0, 3]])
    assert start_of(tmp_path / 'b')[2] == 'start, new: nothing'


def test_to_resume_nothing_moves(config, tmp_path, detector):
    """A checkpoint of the same number of classes in another order, resumed: an error, as before."""
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=saved(detector, tmp_path))
    file = tmp_path / 'run/iter_1.pth'
    content = torch.load(file, weights_only=False)
    content['meta']['dataset_meta'] = dict(classes=CLASSES[::-1])
    torch.save(content, file)
    config.train_cfg.max_iters = 2
    with pytest.raises(ValueError, match='trained on other classes, or in another order'):
        apis.train(config, work_dir=str(tmp_path / 'run'), resume=str(file))


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


def test_an_unknown_name_comes_with_all_else_that_is_wrong(config, tmp_path):
    config.optim_wrapper.optimizer.speed = 3
    with pytest.raises(ValueError) as raised:
        apis.train(config, work_dir=str(tmp_path / 'run'), load_from='yolox_nanoo')
    said = str(raised.value)
    assert '2 problems' in said and 'did you mean yolox_nano' in said and 'speed' in said
    assert not (tmp_path / 'run').exists()


def test_a_server_that_is_not_reached_comes_with_all_else_that_is_wrong(config, tmp_path):
    config.optim_wrapper.optimizer.speed = 3
    with pytest.raises(ValueError) as raised:
        apis.train(config, work_dir=str(tmp_path / 'run'), load_from='http://127.0.0.1:9/a.pth')
    said = str(raised.value)
    assert '2 problems' in said and 'cannot be fetched' in said and 'speed' in said
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
    assert apis.dry_run(config)['start'] == []


# ------------------------------------------------------------------ COCO's weights


def nano(cfg: Config) -> Config:
    """YOLOX-Nano for the classes of the config's data."""
    root = Path(__file__).parents[2]
    model = Config.fromfile(root / 'configs/_base_/models/yolox_nano.py').model
    model.bbox_head.num_classes = len(CLASSES)
    return model


@pytest.mark.parametrize('labeler', ['EMATeacher', 'SelfLabeler'])
def test_yolox_nano_from_coco(config, tmp_path, labeler):
    weights = shared_data() / 'weights/yolox_nano_coco.safetensors'
    config.model.detector = nano(config)
    config.model.data_preprocessor = dict(
        type='MultiBranchDataPreprocessor',
        data_preprocessor=config.model.detector.data_preprocessor,
    )
    config.model.balancer = dict(type='ClassBalancer', threshold=0.3)
    config.default_hooks.pop('class_balance')
    config.model.labeler = dict(type=labeler)
    if labeler == 'SelfLabeler':
        config.default_hooks.pop('ema')
    apis.train(config, work_dir=str(tmp_path / 'run'), load_from=str(weights))
    first, second, third = start_of(tmp_path / 'run')
    assert '636 of 642 weights fit, class weights by name for 0 of 3 classes' in first
    assert "80 of the checkpoint's classes (person, bicycle, car, motorcycle, ...)" in second
    assert third == 'start, new: 3 classes (blob, leaf, arrow)'
