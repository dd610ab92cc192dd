"""Every config is found, says what it is, loads and builds; the paper's numbers are where they should be."""

import ast
import copy
import functools
import re
import shutil
from pathlib import Path

import pytest
from mmdet.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import DefaultScope

from mmssod.datasets.transforms.steps import write_order
from mmssod.engine.preflight import labeled_classes
from mmssod.engine.preflight.config_checks import class_problems
from mmssod.engine.preflight.key_checks import key_problems
from mmssod.engine.preflight.parts import part_problems
from mmssod.models import EMATeacher

ROOT = Path(__file__).parents[1]
FILES = sorted(p for p in (ROOT / 'configs').rglob('*.py') if '_base_' not in p.parts)
TEACHER_ITERATIONS = {'1': 6000, '2': 12000, '5': 30000, '10': 60000}


# Detectors around others, and labelers that need no start.
LABEL_FOR_THEMSELVES = ('SelfLabeler', 'GivenLabels')
# Teacher and student of Soft Teacher, of Semi-DETR and of MixPL begin together.
UNTAUGHT = (*LABEL_FOR_THEMSELVES, 'RescoringTeacher', 'QueryTeacher')


def short(path):
    return str(path.relative_to(ROOT / 'configs'))


@functools.cache
def read(path):
    """A shipped config, once for all tests, which leave it as it is."""
    return Config.fromfile(path)


def detector_of(cfg):
    if 'members' in cfg.model:  # an ensemble
        return cfg.model.members[0]
    return cfg.model.get('detector', cfg.model)


def class_numbers(detector):
    """``num_classes`` of each box head of a detector: one, one a stage, or that of one stage."""
    heads = detector.roi_head.bbox_head if 'roi_head' in detector else detector.bbox_head
    return {head.num_classes for head in (heads if isinstance(heads, list) else [heads])}


def alarms(cfg):
    """What the checks of a config say that need no data: nothing of a config that is shipped."""
    checks = key_problems(cfg)
    checks += [each for each in part_problems(cfg) if 'label bank' not in str(each)]  # not made yet
    return [*checks, *class_problems(cfg, labeled_classes(cfg))]


def images_of(sampler):
    if sampler.type == 'PoolSampler':
        return sampler.images
    return sum(sampler.counts.values())


def test_all_configs_are_seen():
    # A new config raises this number: then it is loaded and built below.
    assert len(FILES) == 168


@pytest.mark.parametrize('path', FILES, ids=short)
def test_config_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize(
    'path', [p for p in FILES if p.name != 'data.py' or 'own_data' not in p.parts], ids=short
)
def test_config_loads_and_builds(path, undrawn):
    cfg = copy.deepcopy(read(path))
    assert alarms(cfg) == []
    detector = detector_of(cfg)
    detector.backbone.pop('init_cfg', None)  # names weights to download
    model = MODELS.build(cfg.model)
    loader = cfg.train_dataloader
    assert loader.batch_size == images_of(loader.sampler)
    classes = loader.dataset.labeled.get('metainfo', {}).get('classes')
    number = len(classes) if classes else 80
    assert class_numbers(detector) == {number}
    if 'detector' in cfg.model:
        assert set(loader.sampler.counts) == {'labeled', 'unlabeled'}
    if 'labeler' in cfg.model:
        assert model.balancer.num_classes == number
        hook = cfg.default_hooks.get('ema_teacher')
        assert isinstance(model.labeler, EMATeacher) == (hook is not None)
        # Labels need a teacher that has learned: a file with it, or a burn-in.
        burn_in = hook.get('burn_in', 0) if hook else 0
        taught = cfg.load_from or cfg.model.labeler.get('checkpoint') or burn_in > 0
        assert taught or cfg.model.labeler.type in UNTAUGHT or cfg.model.type == 'MixPLDetector'
        assert not (taught and cfg.model.labeler.type in LABEL_FOR_THEMSELVES)


STUDENTS = [p for p in FILES if p.name.startswith('student')]


@pytest.mark.parametrize('path', STUDENTS, ids=short)
def test_student_has_its_teachers_detector(path):
    teacher = path.with_name(path.name.replace('student', 'teacher'))
    assert detector_of(read(path)) == read(teacher).model
    iterations = read(teacher).train_cfg.max_iters
    assert read(path).load_from.endswith(f'/iter_{iterations}.pth')


# Where a learning rate falls, for configs whose source has it otherwise than the paper.
OTHER_SHARES = {
    'stac/coco_full.py': (7 / 9, 25 / 27),
    'stac/teacher_coco_full.py': (7 / 9, 25 / 27),
    'stac/teacher_voc.py': (3 / 4,),
    'stac/voc.py': (3 / 8, 3 / 4),
    **{
        f'instant_teaching/{n}.py': (2 / 3, 11 / 12)
        for n in ('co_rectify_coco_partial', 'coco_full', 'coco_partial', 'voc')
    },
    **{
        f'multi_phase/{n}.py': shares
        for n, shares in {
            'coco_full': (2 / 3, 11 / 12),
            'coco_full_phase_0': (2 / 3, 11 / 12),
            'coco_full_phase_1': (5 / 8, 7 / 8),
            'coco_full_phase_2': (5 / 7, 6 / 7),
            **{f'voc{phase}': (3 / 4,) for phase in ('', '_phase_0', '_phase_1', '_phase_2')},
        }.items()
    },
    **{
        f'{m}/{n}.py': ()
        for m in ('consistent_teacher', 'labelmatch')
        for n in ('coco_partial', 'voc')
    },
    **{f'unbiased_teacher/{n}.py': () for n in ('coco_full', 'coco_partial', 'demo', 'voc')},
    **{f'mixpl/{n}.py': () for n in ('coco_full', 'coco_partial', 'fcos_coco_partial')},
    **{f'mixpl/dino_{n}.py': None for n in ('coco_full', 'coco_partial')},  # not even a warm-up
    **{
        f'semi_detr/{n}.py': None
        for n in ('coco_partial', 'demo', 'mean_teacher_coco_partial', 'mean_teacher_demo', 'voc')
    },
    'semi_detr/coco_full.py': (1 / 2, 2 / 3),
}
NO_WARM_UP = {
    'stac/teacher_voc.py',
    'stac/voc.py',
    *(f'multi_phase/voc{phase}.py' for phase in ('', '_phase_0', '_phase_1', '_phase_2')),
}


@pytest.mark.parametrize('path', [p for p in FILES if p.name != 'data.py'], ids=short)
def test_learning_rate_falls_at_two_thirds_and_eight_ninths(path):
    scheduler = read(path).param_scheduler
    shares = OTHER_SHARES.get(short(path), (2 / 3, 8 / 9))
    if shares is None:
        assert scheduler == []
        return
    bare = 'semi_detr' in path.parts or short(path) in NO_WARM_UP
    warm_up, *steps = [None, *scheduler] if bare else scheduler
    assert warm_up is None or warm_up.type == 'LinearLR'
    expected = [('ShareStepLR', shares)] if shares else []
    assert [(step.type, tuple(step.shares)) for step in steps] == expected


def test_other_schedules_are_those_of_configs():
    assert OTHER_SHARES.keys() | NO_WARM_UP <= {short(path) for path in FILES}


def test_a_config_holds_only_the_delta():
    sizes = {short(path): len(path.read_text().splitlines()) for path in FILES}
    del sizes['own_data/data.py']  # a data set, and a form to fill in
    assert max(sizes.values()) <= 40, {name: n for name, n in sizes.items() if n > 40}


# ------------------------------------------------------------------ methods

METAFILES = sorted((ROOT / 'configs').rglob('metafile.yml'))


@pytest.mark.parametrize('metafile', METAFILES, ids=lambda path: path.parent.name)
def test_a_metafile_names_the_folders_configs(metafile):
    content = load(metafile)
    (collection,) = content['Collections']
    published = collection.pop('Published', [])
    assert collection.keys() == {'Name', 'Metadata', 'Paper', 'README', 'Code'}
    figures = ('COCO 1 / 2 / 5 / 10 %', 'COCO-full', 'VOC AP50 / AP75 / AP')
    for row in published:  # the table in docs/methods.md
        assert row.keys() == {'Detector', 'Year', 'Source', *figures} and row['Source']
        parts = [row[name].split(' / ') for name in (figures[0], figures[2]) if row[name]]
        assert all(len(part) in (3, 4) for part in parts) and any(row[name] for name in figures)
    about = {'Training Data', 'Training Techniques', 'Architecture'}
    assert collection['Metadata'].keys() == about
    assert all(isinstance(value, list) for value in collection['Metadata'].values())
    assert collection['Paper'].keys() == {'Title', 'URL'}
    assert collection['Code'].keys() == {'URL', 'Version'}
    assert (ROOT / collection['README']).parent == metafile.parent
    assert all(
        (ROOT / file).is_file() for file in (collection['README'], collection['Code']['URL'])
    )
    models = content['Models']
    data = [model['Metadata']['Training Data'] for model in models]
    known = ('COCO', 'VOC', 'drawn shapes', 'photographs')
    families = [name for name in known if any(map(re.compile(name).match, data))]
    assert collection['Metadata']['Training Data'] == families
    assert all(model['In Collection'] == collection['Name'] for model in models)
    assert len({model['Name'] for model in models}) == len(models)
    listed = sorted(model['Config'] for model in models)
    assert listed == [str(path.relative_to(ROOT)) for path in sorted(metafile.parent.glob('*.py'))]


# What a metafile calls the files of the labeled and of the other images.
TRAINING_DATA = {
    ('instances_train2017.json',): 'COCO train2017',
    ('instances_train2017.json', 'image_info_unlabeled2017.json'): 'COCO train2017, unlabeled2017',
    ('instances_train2017.1@2.json',): 'COCO train2017, 1, 2, 5 or 10 %',
    (
        'instances_train2017.1@2.json',
        'instances_train2017.1@2-unlabeled.json',
    ): 'COCO train2017, 1, 2, 5 or 10 % labeled',
    ('voc07_trainval.json',): 'VOC07 trainval',
    ('voc07_trainval.json', 'voc12_trainval.json'): 'VOC07 trainval, VOC12 trainval',
    ('train.json',): 'drawn shapes, 50 labeled images',
    (
        'train.0@20images.json',
        'train.0@20images-unlabeled.json',
    ): 'photographs: BCCD, 20 labeled images',
    (
        'train.0@60images.json',
        'train.0@60images-unlabeled.json',
    ): 'photographs: aquarium, 60 labeled images',
    ('train.json', 'unlabeled'): 'drawn shapes, 50 labeled and 950 unlabeled images',
}


def metadata_of(cfg):
    """What a metafile has to say of a config; an ensemble is trained by other configs than its own."""
    dataset, sampler = cfg.train_dataloader.dataset, cfg.train_dataloader.sampler
    whole = 'members' in cfg.model
    files = [dataset.labeled.ann_file]
    if whole or any(name in dataset for name in ('unlabeled', 'pseudo')):
        files.append(cfg.semi_train_dataloader.dataset.unlabeled.images)
    found = {'Training Data': TRAINING_DATA[tuple(Path(file).name for file in files)]}
    if whole:
        return found
    images = cfg.auto_scale_lr.base_batch_size
    processes, left = divmod(images, cfg.train_dataloader.batch_size)
    assert left == 0
    found |= {'Iterations': cfg.train_cfg.max_iters, 'Batch Size': images}
    if 'counts' in sampler:
        found['Labeled Batch Size'] = processes * sampler.counts.labeled
    return found


MODELS_OF_METAFILES = [model for file in METAFILES for model in load(file)['Models']]


@pytest.mark.parametrize('model', MODELS_OF_METAFILES, ids=lambda model: model['Name'])
def test_a_metafile_says_what_the_config_says(model):
    assert model.keys() == {'Name', 'In Collection', 'Config', 'Metadata'}
    assert model['Metadata'] == metadata_of(read(ROOT / model['Config']))


def test_names_in_metafiles_differ():
    names = [model['Name'] for model in MODELS_OF_METAFILES]
    assert len(set(names)) == len(names) >= 60


def test_metafiles_are_seen():
    folders = {str(path.parent.relative_to(ROOT / 'configs')) for path in METAFILES}
    methods = 'csd instant_teaching ismt multi_phase soft_teacher stac supervised unbiased_teacher'
    newer = {'consistent_teacher', 'labelmatch', 'mixpl', 'semi_detr'}
    assert folders == {*methods.split(), *newer, 'certainty', 'certainty/beyond'}


@pytest.mark.parametrize('name', ['coco_partial', 'demo'])
def test_strong_supervision_differs_in_the_view_alone(name):
    folder = ROOT / 'configs/supervised'
    changed = changes(folder / f'{name}_strong.py', folder / f'{name}.py')
    place = 'train_dataloader.dataset.labeled.pipeline.pack'
    cfg = Config.fromfile(folder / f'{name}_strong.py')
    assert changed.pop('work_dir') == cfg.work_dir
    assert {key for key in changed if not key.startswith('strong.')} and all(
        key.startswith((f'{place}.', 'strong.')) for key in changed
    )
    step = cfg.train_dataloader.dataset.labeled.pipeline.pack
    assert list(step) == ['type', 'color', 'gray', 'blur', 'cutout', 'pack']
    student = cfg.semi_train_dataloader.dataset.unlabeled.pipeline.views.strong
    assert {k: v for k, v in student.items() if k != 'flip'} == step


def test_beyond_the_paper_is_a_teacher_that_follows():
    folder = ROOT / 'configs/certainty'
    for name, base, keep in (
        ('ema_coco_partial', folder / 'student_coco_partial.py', 0.9996),
        ('demo_ema', ROOT / 'configs/demo/student.py', 0.99),
    ):
        changed = changes(folder / 'beyond' / f'{name}.py', base)
        assert changed.pop('work_dir').startswith(f'work_dirs/{name}')
        assert changed == {
            'model.labeler.type': 'EMATeacher',
            'model.predict_with': 'teacher',
            'default_hooks.ema_teacher.type': 'EMATeacherHook',
            'default_hooks.ema_teacher.ema_decay': keep,
            'default_hooks.ema_teacher.burn_in': 0,
        }


def test_beyond_the_paper_with_the_batch_and_sizes_of_unbiased_teacher():
    folder, theirs = (ROOT / 'configs' / name for name in ('certainty/beyond', 'unbiased_teacher'))
    large = folder / 'ema_large_batch_coco_partial.py'
    changed = {key.split('.')[0] for key in changes(large, folder / 'ema_coco_partial.py')}
    assert changed == {
        'work_dir', 'auto_scale_lr', 'train_dataloader',
        'sizes', 'unbiased_teacher', 'short_edges', 'constant_rate',
    }  # fmt: skip
    ours, theirs = (Config.fromfile(p) for p in (large, theirs / 'coco_partial.py'))
    assert ours.auto_scale_lr == theirs.auto_scale_lr
    for cfg in (ours, theirs):
        assert cfg.train_dataloader.sampler.counts == dict(labeled=4, unlabeled=4)
        resizes = [
            s.pipeline.resize
            for s in (cfg.train_dataloader.dataset[n] for n in ('labeled', 'unlabeled'))
        ]
        assert resizes[0] == resizes[1]
    assert resizes[0] == ours.train_dataloader.dataset.labeled.pipeline.resize
    assert [side for _, side in resizes[0].scales] == [640, 672, 704, 736, 768, 800]


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
    assert cfg.model.selector.certainty == 'p'
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


def test_a_dumped_config_is_the_config(tmp_path):
    """A run writes its config to its folder, and tests read it there."""
    cfg = Config.fromfile(ROOT / 'configs/demo/student.py')
    write_order(cfg)
    cfg.dump(tmp_path / 'dumped.py')
    dumped = Config.fromfile(tmp_path / 'dumped.py')
    assert dumped._cfg_dict == cfg._cfg_dict
    views = [c.train_dataloader.dataset.unlabeled.pipeline[-1] for c in (dumped, cfg)]
    with DefaultScope.overwrite_default_scope('mmdet'):
        names = [TRANSFORMS.build(view.strong).names for view in views]
    assert names[0] == names[1] and names[0][-1] == 'pack'


def test_the_size_of_own_data_is_one_line(tmp_path):
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    data = tmp_path / 'configs/own_data/data.py'
    before = data.read_text()
    data.write_text(before.replace('scale = (256, 256)', 'scale = (320, 320)'))
    assert data.read_text() != before
    sizes = []
    for name in ('teacher', 'student'):
        cfg = Config.fromfile(tmp_path / f'configs/own_data/{name}.py')
        loaders = (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
        values = flat([loader.to_dict() for loader in loaders])
        sizes += [value for key, value in values.items() if '.scale.' in key]
    assert sizes == [320] * 2 * (3 + 4)  # a source or test set has one resize


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


@pytest.mark.parametrize(
    ('name', 'base'),
    [('mixup_coco_partial', 'certainty/student_coco_partial'), ('demo_mixup', 'demo/student')],
)
def test_certainty_with_mixup_is_that(name, base):
    path = ROOT / f'configs/certainty/beyond/{name}.py'
    changed = changes(path, ROOT / f'configs/{base}.py')
    assert 'beyond_mixup' in changed.pop('work_dir')
    assert changed == {
        'model.mixer.type': 'MixUp',
        'model.mixer.alpha': 1.0,
        'model.mixer.prob': 0.5,
    }
