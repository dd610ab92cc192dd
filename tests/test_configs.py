"""Every config is found, says what it is, loads and builds; the paper's numbers are where they should be."""

import ast
from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.fileio import load

ROOT = Path(__file__).parents[1]
FILES = sorted(p for p in (ROOT / 'configs').rglob('*.py') if '_base_' not in p.parts)
TEACHER_ITERATIONS = {'1': 6000, '2': 12000, '5': 30000, '10': 60000}


def short(path):
    return str(path.relative_to(ROOT / 'configs'))


def detector_of(cfg):
    if 'members' in cfg.model:  # an ensemble
        return cfg.model.members[0]
    return cfg.model.detector if cfg.model.type == 'PseudoLabelDetector' else cfg.model


def images_of(sampler):
    if sampler.type == 'PoolSampler':
        return sampler.images
    return sum(sampler.counts.values())


def burn_in(cfg):
    return cfg.default_hooks.get('ema_teacher', {}).get('burn_in', 0)


def test_all_configs_are_seen():
    # A new config raises this number: then it is loaded and built below.
    assert len(FILES) == 71


@pytest.mark.parametrize('path', FILES, ids=short)
def test_config_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    'path', [p for p in FILES if p.name != 'data.py' or 'own_data' not in p.parts], ids=short
)
def test_config_loads_and_builds(path):
    cfg = Config.fromfile(path)
    detector = detector_of(cfg)
    detector.backbone.pop('init_cfg', None)  # names weights to download
    model = MODELS.build(cfg.model)
    loader = cfg.train_dataloader
    assert loader.batch_size == images_of(loader.sampler)
    classes = loader.dataset.labeled.get('metainfo', {}).get('classes')
    head = detector.roi_head.bbox_head
    assert head.num_classes == (len(classes) if classes else 80)
    if cfg.model.type == 'PseudoLabelDetector':
        assert model.balancer.num_classes == head.num_classes
        assert set(loader.sampler.counts) == {'labeled', 'unlabeled'}
        assert cfg.load_from or burn_in(cfg) > 0  # the teacher starts from something


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'configs').glob('*/metafile.yml')), ids=lambda path: path.parent.name
)
def test_metafile_lists_the_configs_beside_it(path):
    content = load(path)
    (collection,) = content['Collections']
    for file in (collection['README'], collection['Code']):
        assert (ROOT / file).exists()
    assert all(model['In Collection'] == collection['Name'] for model in content['Models'])
    listed = [ROOT / model['Config'] for model in content['Models']]
    assert sorted(listed) == sorted(path.parent.glob('*.py'))


@pytest.mark.parametrize('path', [p for p in FILES if p.name.startswith('student')], ids=short)
def test_student_has_its_teachers_detector(path):
    teacher = path.with_name(path.name.replace('student', 'teacher'))
    assert detector_of(Config.fromfile(path)) == Config.fromfile(teacher).model
    iterations = Config.fromfile(teacher).train_cfg.max_iters
    assert Config.fromfile(path).load_from.endswith(f'/iter_{iterations}.pth')


@pytest.mark.parametrize('path', [p for p in FILES if p.name != 'data.py'], ids=short)
def test_learning_rate_falls_at_two_thirds_and_eight_ninths(path):
    steps = Config.fromfile(path).param_scheduler[-1]
    assert (steps.type, tuple(steps.shares)) == ('ShareStepLR', (2 / 3, 8 / 9))


@pytest.mark.parametrize('percent', TEACHER_ITERATIONS)
def test_percent_and_fold_are_two_values(percent, monkeypatch):
    monkeypatch.setenv('PERCENT', percent)
    monkeypatch.setenv('FOLD', '4')
    teacher = Config.fromfile(ROOT / 'configs/certainty/teacher_coco_partial.py')
    student = Config.fromfile(ROOT / 'configs/certainty/student_coco_partial.py')
    split = f'semi_anns/instances_train2017.4@{percent}'
    assert teacher.train_dataloader.dataset.labeled.ann_file == f'{split}.json'
    assert student.train_dataloader.dataset.unlabeled.images == f'data/coco/{split}-unlabeled.json'
    assert teacher.train_cfg.max_iters == TEACHER_ITERATIONS[percent]
    assert student.train_cfg.max_iters == 180000
    end = f'4@{percent}/iter_{TEACHER_ITERATIONS[percent]}.pth'
    assert student.load_from.endswith(end)
    assert student.load_from.startswith(teacher.work_dir + '/')


def test_the_papers_numbers():
    cfg = Config.fromfile(ROOT / 'configs/certainty/student_coco_full_1x.py')
    balancer = cfg.model.balancer
    assert (balancer.threshold, balancer.threshold_power, balancer.weight_power) == (0.7, 0.05, 0.6)
    assert tuple(balancer.bounds) == (0.4, 0.9)
    assert cfg.model.unsup_weight == 1.0
    assert cfg.model.selector.certainty == 'p*v'
    assert cfg.model.detector.roi_head.bbox_head.bbox_coder.num_buckets == 30
    assert cfg.model.labeler.type == 'FrozenTeacher'
    assert cfg.train_dataloader.sampler.counts == dict(labeled=1, unlabeled=1)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (0.01, 0.9, 0.0001)
    assert cfg.auto_scale_lr.base_batch_size == 8
    assert Config.fromfile(ROOT / 'configs/certainty/student_voc.py').train_cfg.max_iters == 90000


def test_an_ablation_is_one_assignment(tmp_path):
    """Named steps: one number of one transform, the rest of the pipeline as it was."""
    base = ROOT / 'configs/demo/student.py'
    heir = tmp_path / 'no_blur.py'
    views = 'train_dataloader = dict(dataset=dict(unlabeled=dict(pipeline=dict(views=dict('
    heir.write_text(f"_base_ = '{base}'\n{views}strong=dict(blur=dict(prob=0.0)))))))\n")
    without, full = Config.fromfile(heir), Config.fromfile(base)
    steps = [c.train_dataloader.dataset.unlabeled.pipeline.views.strong for c in (without, full)]
    assert (steps[0].blur.prob, steps[1].blur.prob) == (0.0, 0.5)
    assert list(steps[0]) == list(steps[1])
    steps[0].blur.prob = 0.5
    assert steps[0] == steps[1]


# ------------------------------------------------------------------ ablations

ABLATIONS = ROOT / 'configs/certainty/ablations'
STRONG = 'train_dataloader.dataset.unlabeled.pipeline.views.strong'
BUCKETS = 'model.detector.roi_head.bbox_head.bbox_coder.num_buckets'
CHANGES = {
    'table5_ca': {'model.balancer.weight_power': 0.0, 'model.balancer.threshold_power': 0.0},
    'table5_ca_re': {'model.balancer.threshold_power': 0.0},
    'table6_none': {f'{STRONG}.{step}.prob': 0.0 for step in ('color', 'gray', 'blur', 'cutout')},
    'table6_color': {f'{STRONG}.{step}.prob': 0.0 for step in ('blur', 'cutout')},
    'table6_color_blur': {f'{STRONG}.cutout.prob': 0.0},
    **{
        f'table7_k{k}': {
            BUCKETS: k,
            'load_from': f'work_dirs/table7_teacher_k{k}_1@2/iter_12000.pth',
        }
        for k in (4, 8, 20, 40)
    },
    'table8_gamma1_003_gamma2_06': {'model.balancer.threshold_power': 0.03},
    'table8_gamma1_007_gamma2_06': {'model.balancer.threshold_power': 0.07},
    'table8_gamma1_005_gamma2_04': {'model.balancer.weight_power': 0.4},
    'table8_gamma1_005_gamma2_08': {'model.balancer.weight_power': 0.8},
}


def flat(config, path=''):
    """Values of a nested config by dotted key."""
    pairs = config.items() if isinstance(config, dict) else enumerate(config)
    values = {}
    for key, value in pairs:
        nested = isinstance(value, (dict, list, tuple)) and len(value) > 0
        values.update(flat(value, f'{path}{key}.') if nested else {f'{path}{key}': value})
    return values


def changes(path, base):
    """What a config has otherwise than its base."""
    ours, theirs = (flat(Config.fromfile(p)._cfg_dict.to_dict()) for p in (path, base))
    missing = object()
    keys = ours.keys() | theirs.keys()
    return {k: ours.get(k) for k in keys if ours.get(k, missing) != theirs.get(k, missing)}


@pytest.mark.parametrize('name', CHANGES)
def test_an_ablation_differs_in_what_it_declares(name):
    changed = changes(ABLATIONS / f'{name}.py', ABLATIONS / 'base.py')
    assert changed.pop('work_dir') == f'work_dirs/{name}_1@2'
    assert changed == CHANGES[name]


def test_ablations_are_all_looked_at():
    others = {'base', 'teacher', 'table5_baseline', 'table3_student', 'table3_ensemble'}
    others |= {f'table7_teacher_k{k}' for k in (4, 8, 20, 40)}
    assert {path.stem for path in ABLATIONS.glob('*.py')} == others | CHANGES.keys()


@pytest.mark.parametrize('k', [4, 8, 20, 40])
def test_ablations_start_where_their_teachers_end(k, monkeypatch):
    monkeypatch.setenv('FOLD', '3')
    teacher, student = (
        Config.fromfile(ABLATIONS / f'table7_{name}k{k}.py') for name in ('teacher_', '')
    )
    assert student.load_from == f'{teacher.work_dir}/iter_{teacher.train_cfg.max_iters}.pth'
    assert '3@2' in teacher.work_dir and '3@2' in student.work_dir


@pytest.mark.parametrize(
    'name', ['base', 'teacher', 'table5_baseline', 'table8_gamma1_003_gamma2_06']
)
def test_ablations_are_for_two_percent(name, monkeypatch):
    monkeypatch.setenv('PERCENT', '10')
    with pytest.raises(AssertionError, match='2 % of COCO'):
        Config.fromfile(ABLATIONS / f'{name}.py')


@pytest.mark.parametrize('k', [4, 8, 20, 40])
def test_teachers_of_table_7(k):
    teacher = ROOT / 'configs/certainty/teacher_coco_partial.py'
    changed = changes(ABLATIONS / f'table7_teacher_k{k}.py', teacher)
    folder = f'work_dirs/table7_teacher_k{k}_1@2'
    assert changed == {BUCKETS.replace('detector.', ''): k, 'work_dir': folder}
    student = Config.fromfile(ABLATIONS / f'table7_k{k}.py')
    assert detector_of(student) == Config.fromfile(ABLATIONS / f'table7_teacher_k{k}.py').model


def test_the_ablations_schedule_is_half():
    changed = changes(ABLATIONS / 'base.py', ROOT / 'configs/certainty/student_coco_partial.py')
    assert changed.pop('work_dir') == 'work_dirs/ablation_base_1@2'
    assert changed == {'train_cfg.max_iters': 90000}


def test_the_baseline_is_plain():
    cfg = Config.fromfile(ABLATIONS / 'table5_baseline.py')
    assert cfg.model.detector == Config.fromfile(ROOT / 'configs/supervised/coco_partial.py').model
    assert cfg.model.detector.roi_head.bbox_head.type == 'Shared2FCBBoxHead'
    balancer = cfg.model.balancer
    assert (balancer.threshold_power, balancer.weight_power) == (0, 0)
    assert cfg.model.selector.certainty == 'p'


def test_two_teachers_and_two_students():
    changed = changes(ABLATIONS / 'table3_student.py', ABLATIONS / 'base.py')
    assert changed.pop('work_dir') == 'work_dirs/table3_student_1@2'
    assert {key.split('.')[1] for key in changed} == {'labeler'}
    base, ensemble = (
        Config.fromfile(ABLATIONS / f'{name}.py') for name in ('base', 'table3_ensemble')
    )
    assert ensemble.model.members == [base.model.detector] * 2
