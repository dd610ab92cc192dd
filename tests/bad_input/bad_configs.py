"""Configs with keys and values that mean nothing."""

from copy import deepcopy
from types import SimpleNamespace

from bad_input_cases import STOP, WARN, cases_of
from builders.fakes import FakeDataset, FakePair, fake_runner
from whole_path import changed, tiny, trained

from mmssod.engine import EMATeacherHook, WholeCheckpointHook
from mmssod.engine.preflight import runtime_problems, runtime_warnings

case = cases_of('Config')


def runner(folder, **values):
    dataset = FakePair(FakeDataset([('/l/0.jpg', [0, 1, 2])]), FakeDataset([('/u/0.jpg', [])]))
    return fake_runner(folder, dataset=dataset, **values)


@case(
    'unknown keys, however many',
    STOP,
    "(?s)model.selector: unknown key 'certainty_'.*did you mean 'certainty'.*default_hooks.ema: unknown key 'decay'",
)
def unknown_keys(folder):
    keys = {'model.selector.certainty_': 'p', 'default_hooks.ema.decay': 0.9}
    return trained(changed(tiny(folder), keys))


@case(
    'an old key after a change of `type`',
    STOP,
    "unknown key 'checkpoint'.*\n.*\n.*\n.*_delete_=True",
)
def stale_key(folder):
    return trained(tiny(folder, model__labeler=dict(type='SelfLabeler', checkpoint='a.pth')))


@case(
    'unknown type',
    STOP,
    "unknown type 'ThresholdSelektor'(.*\\n)*.*did you mean 'ThresholdSelector'",
)
def unknown_type(folder):
    return trained(tiny(folder, model__selector__type='ThresholdSelektor'))


@case(
    'names of the top level that are nearly right',
    STOP,
    "(?s)'load_form'.*did you mean 'load_from'.*'resum'.*did you mean 'resume'",
)
def nearly_right(folder):
    return trained(tiny(folder, load_form='a.pth', resum=True))


@case(
    'unknown keys of optimizer, loader, seeds, scale of the rate, surroundings',
    STOP,
    "(?s)3 problems.*'num_workers'.*'seed'.*'clip_grad'",
)
def runner_keys(folder):
    keys = dict(train_dataloader__num_worker=2, randomness__sed=3, optim_wrapper__clip_gard=1)
    return trained(tiny(folder, **keys))


@case(
    'unknown settings of a detector (`train_cfg`, `test_cfg`)',
    STOP,
    "test_cfg.rcnn: unknown key 'score_thresh'(.*\\n)*.*did you mean 'score_thr'",
)
def detector_settings(folder):
    return trained(tiny(folder, model__detector__test_cfg__rcnn__score_thresh=0.1))


@case(
    'wrong type: text for a rate, or for a number of iterations',
    STOP,
    '(?s)train_cfg.max_iters is text.*optim_wrapper.optimizer.lr is text',
)
def text_numbers(folder):
    return trained(tiny(folder, optim_wrapper__optimizer__lr='high', train_cfg__max_iters='ten'))


@case('a weight of losses below 0', STOP, 'weights of losses must be >= 0, got .*-1')
def negative_weight(folder):
    return trained(tiny(folder, model__unsup_weight=-1))


@case('wrong type: a threshold of text', STOP, 'model.balancer.threshold is text')
def wrong_type(folder):
    return trained(tiny(folder, model__balancer__threshold='high'))


@case('K < 2', STOP, 'num_buckets')
def one_bucket(folder):
    return trained(tiny(folder, model__detector__roi_head__bbox_head__bbox_coder__num_buckets=1))


@case('tau outside [0, 1]', STOP, r'threshold must be in \[0, 1\], got 1.7')
def tau(folder):
    return trained(tiny(folder, model__balancer__threshold=1.7))


@case('tau is NaN', STOP, r'threshold must be in \[0, 1\], got nan')
def tau_nan(folder):
    return trained(tiny(folder, model__balancer__threshold=float('nan')))


@case('bounds of tau crossed', STOP, r'bounds\[0\] must be in')
def bounds(folder):
    return trained(tiny(folder, model__balancer__bounds=(0.9, 0.4)))


@case(
    'several values out of their range at once',
    STOP,
    r'(?s)SideBucketCoder got an invalid value.*num_buckets.*ClassBalancer got an invalid value.*got 1.7'
    r'.*default_hooks.ema: EMATeacherHook got an invalid value.*ema_decay',
)
def several(folder):
    model = 'model__detector__roi_head__bbox_head__bbox_coder__num_buckets'
    hook = dict(default_hooks__ema__ema_decay=1.0)
    return trained(tiny(folder, model__balancer__threshold=1.7, **{model: 1}, **hook))


@case('an unknown certainty to select by', STOP, 'certainty')
def certainty(folder):
    return trained(tiny(folder, model__selector__certainty='q'))


@case('ema_decay outside [0, 1)', STOP, 'ema_decay')
def decay(folder):
    return trained(tiny(folder, default_hooks__ema__ema_decay=1.0))


@case('batch size is not the sum of the counts', STOP, "the loader's batch size is not the sum")
def batch(folder):
    return trained(tiny(folder, train_dataloader__batch_size=7))


def late(folder, burn_in):
    """A runner with a burn-in."""
    counts = dict(labeled=1, unlabeled=1)
    return runner(folder, counts=counts, hooks=[EMATeacherHook(burn_in=burn_in)])


@case(
    'a sampler with the `start` of older configs, which the hook of the teacher tells it now',
    STOP,
    "train_dataloader.sampler: unknown key 'start'",
)
def late_images(folder):
    return trained(tiny(folder, train_dataloader__sampler__start=dict(unlabeled=300)))


@case(
    'checkpoints between the optimizer steps of accumulated gradients',
    STOP,
    r'loses the gradients(?s:.*)accumulative_counts=4 divides\n.*interval=10(?s:.*)set interval=12',
)
def gathered_gradients(folder):
    steps = SimpleNamespace(_accumulative_counts=4)
    hooks = [WholeCheckpointHook(interval=10, by_epoch=False)]
    return '\n'.join(map(str, runtime_problems(runner(folder, optim_wrapper=steps, hooks=hooks))))


@case(
    'counts for a source that is not there, or none for one that is',
    STOP,
    "(?s)counts name .*'more'.*counts lack .*'unlabeled'",
)
def counts(folder):
    return trained(
        tiny(folder, train_dataloader__sampler__counts=dict(_delete_=True, labeled=1, more=1))
    )


@case(
    'num_classes of a head off',
    STOP,
    'num_classes of the model does not match.*\n.*3 classes.*\n.*80',
)
def num_classes(folder):
    return trained(tiny(folder, model__detector__roi_head__bbox_head__num_classes=80))


@case('classes as one string', STOP, 'one string, whose letters would be the classes')
def one_string(folder):
    return trained(tiny(folder, train_dataloader__dataset__labeled__metainfo__classes='blob'))


@case('classes of training and evaluation differ', STOP, 'val_dataloader: classes differ')
def val_classes(folder):
    cfg = tiny(folder)
    labeled = deepcopy(cfg.train_dataloader.dataset.labeled)
    labeled.metainfo.classes = ('leaf', 'blob', 'arrow')
    cfg.val_dataloader = dict(dataset=labeled)
    return trained(cfg)


@case('an epoch loop over an endless stream', STOP, 'an epoch loop over a stream')
def epochs(folder):
    loop = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=2)
    return trained(tiny(folder, train_cfg=loop))


@case('a burn-in that the training does not outlast', WARN, 'no pseudo label is ever trained')
def long_burn_in(folder):
    return '\n'.join(runtime_warnings(late(folder, 100)))


@case('both a checkpoint to resume and weights to load', STOP, 'expected one start, got two')
def two_starts(folder):
    return trained(tiny(folder), resume='a.pth', load_from='b.pth')


@case('--auto-scale-lr without a declared batch', STOP, 'base_batch_size')
def no_base(folder):
    return trained(tiny(folder, auto_scale_lr=dict(_delete_=True)), auto_scale_lr=True)


@case('a learning rate of another batch', WARN, 'declared for 32 images')
def rate(folder):
    return '\n'.join(runtime_warnings(runner(folder, auto_scale_lr=dict(base_batch_size=32))))


@case('a frozen teacher without weights', STOP, 'a frozen teacher without weights')
def no_weights(folder):
    return trained(tiny(folder, model__labeler=dict(type='FrozenTeacher')))


@case('an unknown policy for numbers that go wrong', STOP, 'policy')
def policy(folder):
    return trained(tiny(folder, default_hooks__non_finite_guard__policy='hope'))


@case('a limit of skipped images above 1', STOP, r'limit in \[0, 1\]')
def limit(folder):
    return trained(tiny(folder, default_hooks__skipped_images__limit=5))
