"""COCO and VOC in small, with the configs as they are shipped: prepare, train a teacher, its student, evaluate both.

Only the command line makes them small: no weights to download, images of 64 px, few RoIs, one or two iterations.
"""

import pickle
from pathlib import Path

import pytest
from builders.miniature import make_coco, make_voc

CONFIGS = Path(__file__).parents[2] / 'configs'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
RUN = [
    'default_hooks.checkpoint.save_optimizer=False',
    'train_dataloader.dataset.labeled.pipeline.resize.scale=(64,64)',
    *(f'{loader}.dataset.pipeline.1.scale=(64,64)' for loader in LOADERS[1:]),
    *(f'{loader}.num_workers=0' for loader in LOADERS),
    *(f'{loader}.persistent_workers=False' for loader in LOADERS),
]
MODEL = [
    'backbone.init_cfg=None',
    'train_cfg.rcnn.sampler.num=32',
    'train_cfg.rpn_proposal.max_per_img=32',
    'test_cfg.rpn.max_per_img=32',
    'roi_head.bbox_head.fc_out_channels=32',
]


def teacher_options(iterations=1):
    limit = [f'train_cfg.max_iters={iterations}', f'train_cfg.val_interval={iterations}']
    return ['--cfg-options', *RUN, *limit, *(f'model.{option}' for option in MODEL)]


def student_options(iterations=2):
    limit = [f'train_cfg.max_iters={iterations}', f'train_cfg.val_interval={iterations}']
    unlabeled = 'train_dataloader.dataset.unlabeled.pipeline.resize.scale=(64,64)'
    model = [f'model.detector.{option}' for option in MODEL]
    return ['--cfg-options', *RUN, unlabeled, *limit, *model]


@pytest.fixture
def prepared(tmp_path, call, monkeypatch):
    """A folder with ``data`` as the tools leave it, which the configs' paths are relative to."""

    def prepare(setting):
        monkeypatch.chdir(tmp_path)
        if setting == 'voc':
            make_voc(Path('data'), test=1)
            call('dataset/voc_to_coco.py', 'data/VOCdevkit')
            return
        coco = make_coco(Path('data'))
        if setting == 'coco_full_1x':
            call('dataset/check_coco.py', 'full')
            return
        monkeypatch.setenv('PERCENT', '10')
        monkeypatch.setenv('FOLD', '2')
        train = coco / 'annotations/instances_train2017.json'
        share = ['--percent', 10, '--fold', 2]
        call('dataset/split.py', train, *share, '--out-dir', coco / 'semi_anns')
        call('dataset/check_coco.py', 'partial', *share)

    yield prepare
    for checkpoint in tmp_path.rglob('*.pth'):  # 100 MB and more each
        checkpoint.unlink()


def log_of(folder):
    return max(Path(folder).glob('*/*.log')).read_text()


def boxes_of(file):
    return sum(
        len(sample['pred_instances']['scores']) for sample in pickle.loads(file.read_bytes())
    )


def configs_of(setting):
    return [CONFIGS / f'certainty/{who}_{setting}.py' for who in ('teacher', 'student')]


@pytest.mark.parametrize(
    ('setting', 'labeled', 'unlabeled'),
    [('voc', 4, 4), ('coco_partial', 2, 18), ('coco_full_1x', 20, 4)],
)
def test_prepared_data_pass_the_dry_run(setting, labeled, unlabeled, call, prepared, capsys):
    prepared(setting)
    teacher, student = configs_of(setting)
    call('train.py', teacher, '--dry-run', *teacher_options())
    assert f'{labeled} labeled\n' in capsys.readouterr().out
    call('train.py', student, '--dry-run', *student_options())
    assert f'{labeled} labeled, {unlabeled} unlabeled\n' in capsys.readouterr().out


@pytest.mark.parametrize(
    'setting',
    [
        'voc',
        pytest.param('coco_partial', marks=pytest.mark.slow),
        pytest.param('coco_full_1x', marks=pytest.mark.slow),
    ],
)
def test_from_download_to_figures(setting, tmp_path, call, prepared):
    """The figures stand in the log; --score-thr means the same to a teacher and a student."""
    prepared(setting)
    teacher, student = configs_of(setting)
    figures = ['coco/bbox_mAP:', 'coco/bbox_mAP_50:', 'coco/bbox_mAP_75:']
    figures += ['pascal_voc/mAP:', 'pascal_voc/AP50:', 'pascal_voc/AP75:'] * (setting == 'voc')
    start = ['--load-from', 'teacher/iter_1.pth']
    call('train.py', teacher, '--work-dir', 'teacher', *teacher_options())
    call('train.py', student, '--work-dir', 'student', *start, *student_options())
    for name, config, checkpoint, threshold, options in (
        ('t_low', teacher, 'teacher/iter_1.pth', 0.001, teacher_options()),
        ('s_low', student, 'student/iter_2.pth', 0.001, student_options()),
        ('s_high', student, 'student/iter_2.pth', 0.9, student_options()),
    ):
        out = ['--work-dir', name, '--out', f'{name}.pkl', '--score-thr', threshold]
        call('test.py', config, checkpoint, *out, *options)
    for folder in ('teacher', 'student', 't_low', 's_low', 's_high'):
        assert all(figure in log_of(folder) for figure in figures)
    # Runs of one process write their curves to folders of their own.
    assert all(list(Path(name).glob('*/vis_data/scalars.json')) for name in ('teacher', 'student'))
    boxes = [boxes_of(tmp_path / f'{name}.pkl') for name in ('t_low', 's_low', 's_high')]
    assert boxes[0] > 0 and boxes[1] > 0 and boxes[2] == 0
