"""``mmssod new`` with detectors that start from COCO: what it says, refuses and writes, and that it trains."""

import json
import urllib.request
from pathlib import Path

import pytest
import torch
from builders.drawn_images import images_of, labels_of
from builders.shared_data import shared_data
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmssod.cli import main
from mmssod.own_data.new import Machine
from mmssod.start import address_and_place
from mmssod.start.reading import coco_classes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Ten images of which the first six have labels of cats and dogs, both COCO's; no weights, no network, no GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('MMSSOD_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(urllib.request, 'urlopen', lambda *_, **__: pytest.fail('it was fetched'))
    on(Machine(0, 8.0, 2, 'CPU'), monkeypatch)
    images_of(tmp_path / 'images', 10)
    (tmp_path / 'labels.json').write_text(json.dumps(labels_of(6)))
    return tmp_path


def on(machine, monkeypatch):
    monkeypatch.setattr(Machine, 'current', classmethod(lambda cls: machine))


@pytest.fixture(scope='module')
def nano(tmp_path_factory):
    return weights_of('yolox_nano', tmp_path_factory.mktemp('nano'))


def weights_of(name, folder):
    """A detector of COCO's classes with random weights, each class with weights of its own, as a .safetensors file."""
    save_file = pytest.importorskip('safetensors.torch').save_file
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(Config.fromfile(ROOT / f'configs/_base_/models/{name}.py').model)
    file = folder / f'{name}.safetensors'
    save_file({k: v.clone() for k, v in model.state_dict().items()}, str(file))
    return file


def new(*more):
    return main(['new', 'labels.json', '--unlabeled', 'images', *map(str, more)])


def rename(data, *names):
    coco = json.loads((data / 'labels.json').read_text())
    for category, name in zip(coco['categories'], names, strict=True):
        category['name'] = name
    (data / 'labels.json').write_text(json.dumps(coco))


def test_without_weights_it_says_what_is_fetched_and_where_to_put_it(data, capsys):
    assert new('--out', 'own') == 0
    out = capsys.readouterr().out
    address, place = address_and_place('yolox_nano')
    assert place == data / 'weights/yolox_nano.pth' and not place.exists()
    assert 'the first training fetches them from' in out and address in out
    assert f'put it at {place}' in out and '--start FILE' in out
    assert 'detector yolox_nano' in out and 'no GPU' in out
    assert 'batch norm: fixed' in out
    teacher = Config.fromfile('own/teacher.py')
    assert teacher.load_from == 'yolox_nano'
    place.parent.mkdir()
    torch.save(dict(weight=torch.zeros(1)), place)  # put there by hand
    assert new('--out', 'own', '--force') == 0
    out = capsys.readouterr().out
    assert f'start: yolox_nano, trained on COCO: {place}' in out and 'fetch' not in out
    place.write_bytes(place.read_bytes()[:-99])
    assert new('--out', 'own', '--force') == 1
    assert 'start: a damaged file' in capsys.readouterr().err


def test_without_a_network_it_takes_a_detector_that_needs_none(data, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr('mmssod.own_data.new.starting.can_fetch', asked.append)
    assert new('--out', 'own') == 0
    out = capsys.readouterr().out
    address, place = address_and_place('yolox_nano')
    assert asked == [address]
    assert 'detector faster_rcnn_lite' in out and 'the backbone from ImageNet' in out
    assert 'warning: yolox_nano would be better here' in out and f'put it at {place}' in out
    assert Config.fromfile('own/teacher.py').model.type == 'FasterRCNN'
    for named in (('--detector', 'yolox_nano'), ('--start', 'yolox_nano'), ('--start', 'none')):
        assert new('--out', 'own', '--force', *named) == 0
        out = capsys.readouterr().out
        assert 'detector yolox_nano' in out and 'would be better' not in out
    place.parent.mkdir()
    torch.save(dict(weight=torch.zeros(1)), place)
    assert new('--out', 'own', '--force', '--try') == 0
    assert 'would be better' not in capsys.readouterr().out
    assert asked == [address]  # nobody asks for what is named or here


@pytest.mark.parametrize(('names', 'line', 'rate'), [
    (('cat', 'dog'), 'classes: 2 of 2 are in COCO and keep its class weights: cat, dog\n', 2e-5),
    (('sprocket', 'Traffic_Light'), 'classes: 1 of 2 are in COCO and keep its class weights: Traffic_Light; '
                                    'the others begin anew: sprocket\n', 1e-4),
    (('sprocket', 'cog'), 'classes: none of 2 is in COCO', 5e-4),
])  # fmt: skip
@pytest.mark.parametrize('start', ['auto', 'file'])
def test_classes_of_coco_are_named_and_kept(start, names, line, rate, data, nano, capsys):
    """The more of them, the lower the rate; a start that knows some is evaluated before the first iteration."""
    rename(data, *names)
    assert new('--start', nano if start == 'file' else start) == 0
    assert line in capsys.readouterr().out
    teacher, student = (Config.fromfile(f'own/{name}.py') for name in ('teacher', 'student'))
    rates = [cfg.optim_wrapper.optimizer.lr for cfg in (teacher, student)]
    assert rates == pytest.approx([rate, 0.4 * rate])
    assert teacher.default_hooks.due_evaluation.get('first', False) is (rate < 5e-4)
    assert student.default_hooks.due_evaluation.first


def test_the_configs_of_a_student(data):
    assert new('--out', 'own', '--iterations', 50) == 0
    teacher, student, supervised = (
        Config.fromfile(f'own/{name}.py') for name in ('teacher', 'student', 'supervised')
    )
    lengths = [cfg.train_cfg.max_iters for cfg in (teacher, student, supervised)]
    assert lengths == [50, 50, 50 + 112]  # 2.25 * 50 = 112.5, rounded to even
    assert student.load_from == str(data / 'own/work_dirs/teacher/iter_50.pth')
    assert supervised.load_from == teacher.load_from == 'yolox_nano'
    assert student.model.labeler.type == 'EMATeacher' and student.model.predict_with == 'teacher'
    assert student.model.joint_features
    assert student.model.detector == teacher.model == supervised.model
    rates = [cfg.optim_wrapper.optimizer.lr for cfg in (teacher, student, supervised)]
    assert rates == pytest.approx([0.00002, 0.000008, 0.00002])  # COCO knows cats and dogs
    for cfg in (teacher, student, supervised):
        assert cfg.default_hooks.freeze_bn.type == 'FreezeBatchNormHook'
        assert cfg.default_hooks.speed.channels_last
        assert cfg.default_hooks.logger.log_metric_by_epoch is False
        loader = cfg.train_dataloader
        steps = loader.dataset.labeled.pipeline
        assert steps.resize.type == 'RandomResize'
        assert steps.resize.scale == steps.crop.crop_size == cfg.scale
        assert cfg.val_dataloader.dataset.pipeline[1].scale == cfg.scale
    assert [*student.train_dataloader.dataset.labeled.pipeline][-1] == 'branch'
    unlabeled = student.train_dataloader.dataset.unlabeled.pipeline
    assert unlabeled.resize.scale == student.scale
    strong = [step.type for name, step in unlabeled.views.strong.items() if name != 'type']
    assert strong[:4] == ['RandomResize', 'RandomCrop', 'RandomFlip', 'ColorJitter']
    assert strong[-1] == 'PackDetInputs' and [*unlabeled.views.weak] == ['type', 'flip', 'pack']
    assert student.model.detector.backbone.frozen_stages == 1
    assert student.model.balancer.type == 'MatchingBalancer'
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(student.model)
    assert model.student.bbox_head.num_classes == 2


@pytest.mark.parametrize(('asked', 'detector'), [
    ('auto', 'rtmdet_l'), ('rtmdet_m', 'rtmdet_m'), ('rtmdet_tiny', 'rtmdet_tiny')
])  # fmt: skip
def test_on_a_gpu(asked, detector, data, monkeypatch, capsys):
    on(Machine(1, 80.0, 8, 'GPU'), monkeypatch)
    assert new('--out', 'own', '--detector', asked) == 0
    out = capsys.readouterr().out
    assert f'detector {detector}' in out and f'{detector}_8xb32-300e_coco_2022' in out
    cfg = Config.fromfile('own/teacher.py')
    assert cfg.load_from == f'{detector}_8xb32-300e_coco' and cfg.model.bbox_head.num_classes == 2
    assert 'speed' not in cfg.default_hooks and 'freeze_bn' in cfg.default_hooks


def test_weights_of_none(data, capsys):
    """Batch norm then learns its statistics, apart for labeled images and strong views."""
    assert new('--out', 'own', '--start', 'none') == 0
    out = capsys.readouterr().out
    assert 'warning: yolox_nano learns little' in out and 'batch norm: fixed' not in out
    teacher, student = (Config.fromfile(f'own/{name}.py') for name in ('teacher', 'student'))
    assert teacher.load_from is None and 'freeze_bn' not in teacher.default_hooks
    assert not student.model.joint_features
    assert 'random weights' in (data / 'own/teacher.py').read_text().splitlines()[0]


def damaged(data):
    (data / 'half.pth').write_bytes(b'PK half a file')
    return 'half.pth'


@pytest.mark.parametrize(('start', 'detector', 'texts'), [
    ('yolox_nani', 'auto', ['no such start', 'yolox_nano']),
    ('gone.pth', 'auto', ['start: no such file', 'gone.pth']),
    (damaged, 'auto', ['start: a damaged file', 'half.pth']),
    ('rtmdet-t', 'yolox_nano', ['start: not the weights of yolox_nano', '--detector rtmdet_tiny']),
    ('detr_r50_8xb2-150e_coco', 'auto', ['not the weights of a detector', 'rtmdet_l', 'docs/start.md']),
])  # fmt: skip
def test_wrong_starts_come_with_all_other_problems(start, detector, texts, data, capsys):
    coco = labels_of(6)
    coco['images'][5]['file_name'] = 'lost.jpg'
    (data / 'labels.json').write_text(json.dumps(coco))
    start = start(data) if callable(start) else start
    assert new('--out', 'own', '--start', start, '--detector', detector) == 1
    err = capsys.readouterr().err
    assert all(text in err for text in [*texts, 'lost.jpg']), err
    assert not (data / 'own').exists()


@pytest.mark.parametrize(('start', 'written'), [
    ('rtmdet-t', 'rtmdet-t'), ('rtmdet_tiny', 'rtmdet_tiny_8xb32-300e_coco')
])  # fmt: skip
def test_a_name_chooses_its_detector(start, written, data, capsys):
    assert new('--out', 'own', '--start', start) == 0
    assert 'detector rtmdet_tiny' in capsys.readouterr().out
    assert Config.fromfile('own/teacher.py').load_from == written


def test_a_file_chooses_its_detector_on_every_machine(data, nano, monkeypatch, capsys):
    on(Machine(1, 6.0, 8, 'GPU'), monkeypatch)  # whose own is rtmdet_tiny
    assert new('--out', 'own', '--start', nano) == 0
    out = capsys.readouterr().out
    assert 'detector yolox_nano' in out and f'start: {nano}: 642 of the 642 weights' in out


def test_a_file_of_another_detector(data, nano, capsys):
    assert new('--out', 'own', '--start', nano, '--detector', 'faster_rcnn_lite') == 1
    err = capsys.readouterr().err
    assert 'not the weights of faster_rcnn_lite' in err and '--detector yolox_nano' in err
    assert not (data / 'own').exists()


def test_a_file_without_weights(data, capsys):
    torch.save(dict(epoch=3), data / 'empty.pth')
    assert new('--out', 'own', '--start', 'empty.pth') == 1
    assert 'empty.pth' in capsys.readouterr().err and not (data / 'own').exists()


def test_the_papers_method_takes_a_start_when_asked(data):
    assert new('--out', 'own', '--detector', 'faster_rcnn') == 0
    assert Config.fromfile('own/teacher.py').load_from is None
    words = ('--detector', 'faster_rcnn', '--start', 'faster-rcnn_r50_fpn_1x_coco')
    assert new('--out', 'own', '--force', *words) == 0
    assert Config.fromfile('own/teacher.py').load_from == words[-1]
    assert Config.fromfile('own/student.py').load_from.endswith('work_dirs/teacher/iter_2000.pth')


QUICK = [
    '--cfg-options', 'train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0', 'val_dataloader.persistent_workers=False',
]  # fmt: skip


def trained(folder, name, iterations):
    return torch.load(folder / f'work_dirs/{name}/iter_{iterations}.pth', weights_only=False)


@pytest.mark.parametrize(('detector', 'layer'), [
    ('yolox_nano', 'bbox_head.multi_level_conv_cls.0.weight'),
    pytest.param('rtmdet_tiny', 'bbox_head.rtm_cls.0.weight', marks=pytest.mark.slow),
])  # fmt: skip
def test_a_project_trains_from_a_file(detector, layer, data):
    """A teacher of two iterations and its student; batch norm is that of the file in both, and so are the classes."""
    start = weights_of(detector, data)
    assert new('--out', 'own', '--start', start.name, '--iterations', 2) == 0
    assert Config.fromfile('own/teacher.py').load_from == str(start)
    words = ['own/student.py', '--teacher', 'own/teacher.py', *QUICK, 'train_cfg.val_interval=9']
    assert main(['train', *words]) in (0, None)
    theirs = pytest.importorskip('safetensors.torch').load_file(start)
    teacher = trained(data / 'own', 'teacher', 2)['state_dict']
    student = trained(data / 'own', 'student', 1)['state_dict']
    fixed = [name for name in theirs if '.bn.' in name and 'num_batches' not in name]
    assert len(fixed) > 200
    for name in fixed:
        assert torch.equal(teacher[name], theirs[name])
        assert torch.equal(student[f'student.{name}'], theirs[name])
    places = [coco_classes().index(name) for name in ('cat', 'dog')]
    moved = (teacher[layer] - theirs[layer][places]).abs().max()
    assert 0 < moved < 0.01  # two steps of a rate that begins at 0.0000005
    result = student[f'labeler.teacher.{layer}']
    checkpoint = 'own/work_dirs/student/iter_1.pth'
    assert main(['export', 'own/student.py', checkpoint, '--out', 'result', '--safetensors']) in (
        0,
        None,
    )
    exported = pytest.importorskip('safetensors.torch').load_file(data / 'result.safetensors')
    assert torch.equal(exported[layer], result) and exported.keys() == theirs.keys()


@pytest.mark.slow
def test_a_project_trains_from_the_weights_of_coco(data, capsys):
    """On photographs of blood cells, with weights that somebody trained."""
    pytest.importorskip('safetensors')
    folder = shared_data()
    start = folder / 'weights/yolox_nano_coco.safetensors'
    if not start.is_file():
        pytest.skip(f'no {start}')
    coco = json.loads((folder / 'bccd/train.json').read_text())
    parts = {'train': coco['images'][:4], 'val': coco['images'][4:6], 'pool': coco['images'][6:10]}
    for name, images in parts.items():
        ids = {image['id'] for image in images}
        boxes = [box for box in coco['annotations'] if box['image_id'] in ids]
        (data / f'{name}.json').write_text(json.dumps(dict(coco, images=images, annotations=boxes)))
    images = folder / 'bccd/images'
    words = ['new', 'train.json', '--images', images, '--val', 'val.json', '--val-images', images,
             '--unlabeled', 'pool.json', '--out', 'own', '--iterations', 2, '--start', start]  # fmt: skip
    assert main([str(word) for word in words]) == 0
    assert 'classes: none of 3 is in COCO' in capsys.readouterr().out
    options = [*QUICK, 'default_hooks.logger.interval=1']
    assert main(['train', 'own/student.py', '--teacher', 'own/teacher.py', *options]) in (0, None)
    assert main(['train', 'own/supervised.py', *options]) in (0, None)
    assert trained(data / 'own', 'student', 1) and trained(data / 'own', 'supervised', 4)
    (log,) = (data / 'own/work_dirs/teacher').glob('*/*.log')
    assert '636 of 642 weights fit' in log.read_text()
