"""Configs with keys and values that mean nothing."""

from types import SimpleNamespace

from bad_input_cases import STOP, WARN, case, coco_content, error_of, write_json
from fakes import FakeDataset, FakePair, fake_runner
from mmdet.registry import MODELS, TASK_UTILS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import EpochBasedTrainLoop

from mmssod.apis.config import set_start, use_auto_scale_lr
from mmssod.datasets.samplers import checked_counts
from mmssod.engine import EMATeacherHook, NonFiniteGuardHook, SkippedImagesHook, WholeCheckpointHook
from mmssod.engine.preflight import (
    config_problems,
    runtime_problems,
    runtime_warnings,
    start_problems,
)
from mmssod.models.pseudo import ClassBalancer
from mmssod.testing.tiny import tiny_semi

GROUP = 'Config'


def model_error(**changes) -> str:
    """What building the detector says with changed slots."""
    init_default_scope('mmdet')
    return error_of(MODELS.build, tiny_semi(**changes))


def said(cfg) -> str:
    return '\n'.join(map(str, config_problems(Config(cfg))))


def labeled(folder, classes=('ant', 'bee'), **more) -> dict:
    file = write_json(folder, {**coco_content(), 'images': [], 'annotations': []})
    dataset = dict(type='CocoDataset', ann_file=file, metainfo=dict(classes=classes), **more)
    return dict(train_dataloader=dict(dataset=dict(type='SemiDataset', labeled=dataset)))


def runner(folder, **values):
    dataset = FakePair(FakeDataset([('/l/0.jpg', [0, 1, 2])]), FakeDataset([('/u/0.jpg', [])]))
    return fake_runner(folder, dataset=dataset, **values)


@case(
    GROUP,
    'unknown keys, however many',
    STOP,
    "(?s)model.selector: unknown key 'certainty_'.*did you mean 'certainty'.*default_hooks.a: unknown key 'decay'",
)
def unknown_keys(folder):
    model = tiny_semi(selector=dict(type='ThresholdSelector', certainty_='p'))
    return said(dict(model=model, default_hooks=dict(a=dict(type='EMATeacherHook', decay=0.9))))


@case(
    GROUP,
    'an old key after a change of `type`',
    STOP,
    "unknown key 'checkpoint'.*\n.*\n.*\n.*_delete_=True",
)
def stale_key(folder):
    labeler = dict(type='SelfLabeler', checkpoint='a.pth')
    return said(dict(model=tiny_semi(labeler=labeler)))


@case(GROUP, 'unknown type', STOP, 'KeyError: .*ThresholdSelektor')
def unknown_type(folder):
    return model_error(selector=dict(type='ThresholdSelektor'))


@case(GROUP, 'wrong type: a threshold of text', STOP, "TypeError: .*'str'")
def wrong_type(folder):
    return error_of(ClassBalancer, 3, threshold='high')


@case(GROUP, 'K < 2', STOP, 'num_buckets')
def one_bucket(folder):
    return error_of(TASK_UTILS.build, dict(type='SideBucketCoder', num_buckets=1))


@case(GROUP, 'tau outside [0, 1]', STOP, r'threshold must be in \[0, 1\], got 1.7')
def tau(folder):
    return error_of(ClassBalancer, 3, threshold=1.7)


@case(GROUP, 'tau is NaN', STOP, r'threshold must be in \[0, 1\], got nan')
def tau_nan(folder):
    return error_of(ClassBalancer, 3, threshold=float('nan'))


@case(GROUP, 'bounds of tau crossed', STOP, r'bounds\[0\] must be in')
def bounds(folder):
    return error_of(ClassBalancer, 3, bounds=(0.9, 0.4))


@case(
    GROUP,
    'several values out of their range at once',
    STOP,
    r'(?s)SideBucketCoder refuses a value.*num_buckets.*model.balancer: ClassBalancer refuses a value.*got 1.7'
    r'.*default_hooks.a: EMATeacherHook refuses a value.*ema_decay',
)
def several(folder):
    model = tiny_semi(balancer=dict(type='ClassBalancer', threshold=1.7))
    model.detector.roi_head.bbox_head.bbox_coder.num_buckets = 1
    hooks = dict(a=dict(type='EMATeacherHook', ema_decay=1.0))
    return said(dict(model=model, default_hooks=hooks))


@case(GROUP, 'an unknown certainty to select by', STOP, 'certainty')
def certainty(folder):
    return model_error(selector=dict(type='ThresholdSelector', certainty='q'))


@case(GROUP, 'ema_decay outside [0, 1)', STOP, 'ema_decay')
def decay(folder):
    return error_of(EMATeacherHook, ema_decay=1.0)


@case(
    GROUP, 'batch size is not the sum of the counts', STOP, "the loader's batch size is not the sum"
)
def batch(folder):
    counts = dict(labeled=1, unlabeled=3)
    return '\n'.join(map(str, runtime_problems(runner(folder, counts=counts, batch_size=2))))


def late(folder, burn_in, **start):
    """A runner with a burn-in whose unlabeled images come in at an iteration of their own."""
    counts = dict(labeled=1, unlabeled=1)
    late = runner(folder, counts=counts, hooks=[EMATeacherHook(burn_in=burn_in)])
    late.train_dataloader.sampler.start = start
    return late


@case(
    GROUP,
    'unlabeled images that come in at another iteration than the burn-in ends',
    STOP,
    r'sampler.start.unlabeled=400, the burn_in of EMATeacherHook\n.*start.unlabeled=300\n.*both numbers',
)
def late_images(folder):
    return '\n'.join(map(str, runtime_problems(late(folder, 400, unlabeled=300))))


@case(
    GROUP,
    'unlabeled images that are loaded in a burn-in',
    WARN,
    r'burn-in of 400 iterations nobody looks at .*start=dict\(unlabeled=400\)',
)
def images_for_nothing(folder):
    return '\n'.join(runtime_warnings(late(folder, 400)))


@case(
    GROUP,
    'checkpoints between the optimizer steps of accumulated gradients',
    STOP,
    r'loses the gradients(?s:.*)accumulative_counts=4 divides\n.*interval=10(?s:.*)set interval=12',
)
def gathered_gradients(folder):
    steps = SimpleNamespace(_accumulative_counts=4)
    hooks = [WholeCheckpointHook(interval=10, by_epoch=False)]
    return '\n'.join(map(str, runtime_problems(runner(folder, optim_wrapper=steps, hooks=hooks))))


@case(
    GROUP,
    'counts for a source that is not there, or none for one that is',
    STOP,
    "(?s)counts name .*'more'.*counts lack .*'unlabeled'",
)
def counts(folder):
    return error_of(checked_counts, dict(labeled=1, more=1), dict(labeled=5, unlabeled=5))


@case(
    GROUP,
    'num_classes of a head off',
    STOP,
    'the model counts other classes.*\n.*3 classes.*\n.*80',
)
def num_classes(folder):
    made = runner(folder)
    made.model.student.num_classes = 80
    return '\n'.join(map(str, runtime_problems(made)))


@case(GROUP, 'classes as one string', STOP, 'one string, whose letters would be the classes')
def one_string(folder):
    return said(labeled(folder, classes='ant'))


@case(GROUP, 'classes of training and evaluation differ', STOP, 'val_dataloader: classes differ')
def val_classes(folder):
    cfg = labeled(folder)
    val = dict(cfg['train_dataloader']['dataset']['labeled'], metainfo=dict(classes=('bee', 'ant')))
    return said({**cfg, 'val_dataloader': dict(dataset=val)})


@case(GROUP, 'an epoch loop over an endless stream', STOP, 'an epoch loop over a stream')
def epochs(folder):
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    return '\n'.join(
        map(str, runtime_problems(runner(folder, counts=dict(labeled=2), train_loop=loop)))
    )


@case(GROUP, 'both a checkpoint to resume and weights to load', STOP, 'expected one start, got two')
def two_starts(folder):
    return error_of(set_start, Config(), resume='a.pth', load_from='b.pth')


@case(GROUP, '--auto-scale-lr without a declared batch', STOP, 'base_batch_size')
def no_base(folder):
    return error_of(use_auto_scale_lr, Config())


@case(GROUP, 'a learning rate of another batch', WARN, 'declared for 32 images')
def rate(folder):
    return '\n'.join(runtime_warnings(runner(folder, auto_scale_lr=dict(base_batch_size=32))))


@case(GROUP, 'a frozen teacher without weights', STOP, 'a frozen teacher without weights')
def no_weights(folder):
    model = dict(labeler=dict(type='FrozenTeacher', checkpoint=''))
    return '\n'.join(map(str, start_problems(Config(dict(model=model)))))


@case(GROUP, 'an unknown policy for numbers that go wrong', STOP, 'policy')
def policy(folder):
    return error_of(NonFiniteGuardHook, policy='hope')


@case(GROUP, 'a limit of skipped images above 1', STOP, r'limit in \[0, 1\]')
def limit(folder):
    return error_of(SkippedImagesHook, limit=5)
