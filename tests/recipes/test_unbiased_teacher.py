"""Unbiased Teacher: no regression from pseudo boxes, a burn-in, an averaged teacher, two views of labeled images."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from builders.tiny_recipes import FEW_BOXES, build_recipe, by_name, tiny_recipe, two_steps
from mmdet.registry import HOOKS
from mmengine.config import Config

from mmssod.methods.unbiased_teacher import SoftmaxFocalLoss
from mmssod.tiny_detectors import tiny_batch

FOLDER = Path('configs/unbiased_teacher')
CONFIG = FOLDER / 'demo.py'
LOW = dict(balancer=dict(threshold=0.3, bounds=(0.0, 0.9)))  # the tiny detector is not sure of much
# Losses that depend on where a box is, and the layers that only they train.
REGRESSION = ('loss_rpn_bbox', 'loss_bbox')
REGRESSORS = ('rpn_head.rpn_reg', 'roi_head.bbox_head.fc_reg')


def two_views(labeled=2):
    """A batch whose labeled images come in the strong view, too."""
    inputs, samples = tiny_batch(labeled=labeled)
    inputs['labeled_strong'] = inputs['labeled'] * 0.8 + 0.1
    samples['labeled_strong'] = copy.deepcopy(samples['labeled'])
    return inputs, samples


def build(**changes):
    return build_recipe(tiny_recipe(CONFIG, **{**LOW, **changes}))


def step(model, batch=None, seed=7):
    torch.manual_seed(seed)
    return model.loss(*(batch or two_views()))


def test_losses_are_those_on_file(golden):
    steps = two_steps(build(detector=FEW_BOXES), two_views())
    assert all(step['pseudo_boxes'] > 0 for step in steps)
    golden('unbiased_teacher', steps)


# ---------------------------------------------------------------- box regression


@pytest.mark.parametrize('file', sorted(FOLDER.glob('*.py')), ids=lambda file: file.stem)
def test_every_config_writes_out_which_losses_learn(file):
    weights = Config.fromfile(file).model.unsup_loss_weights
    assert weights == dict(loss_rpn_cls=1.0, loss_rpn_bbox=0.0, loss_cls=1.0, loss_bbox=0.0)


@pytest.mark.parametrize('file', sorted(FOLDER.glob('*.py')), ids=lambda file: file.stem)
def test_the_teacher_proposes_as_in_training(file):
    detector = Config.fromfile(file).model.detector
    proposals = [detector.train_cfg.rpn_proposal, detector.test_cfg.rpn]
    assert len({(each.nms_pre, each.max_per_img) for each in proposals}) == 1


def gradients(model):
    """Sum of the gradient's absolute values by layer, of unlabeled images alone."""
    losses = by_name(step(model), 'unsup_')
    sum(losses.values()).backward()
    return {
        name: sum(
            0.0 if p.grad is None else p.grad.abs().sum().item()
            for p in model.student.get_submodule(name).parameters()
        )
        for name in (*REGRESSORS, 'rpn_head.rpn_cls', 'roi_head.bbox_head.fc_cls', 'backbone.conv1')
    }


def test_unlabeled_images_do_not_train_the_regression():
    found = gradients(build())
    for name, size in found.items():
        assert size == 0 if name in REGRESSORS else size > 0, name
    # With weights of 1 they would: the law is about something.
    all_losses = dict.fromkeys(('loss_rpn_cls', 'loss_cls', *REGRESSION), 1.0)
    assert all(size > 0 for size in gradients(build(unsup_loss_weights=all_losses)).values())


def test_lambda_u_is_four_for_what_is_left():
    ours, ones = (by_name(step(build(unsup_weight=weight)), 'unsup_') for weight in (4.0, 1.0))
    for name, loss in ours.items():
        assert loss.item() == pytest.approx(0 if name in REGRESSION else 4 * ones[name].item())
    assert Config.fromfile(CONFIG).model.unsup_weight == 4.0
    for file in ('coco_full', 'voc'):
        assert Config.fromfile(FOLDER / f'{file}.py').model.unsup_weight == 2.0


def test_an_unknown_loss_is_an_error():
    model = build(unsup_loss_weights=dict(loss_box=0.0))
    with pytest.raises(ValueError, match=r"loss weights name \['loss_box'\]"):
        step(model)
    model.unsupervised = False  # half of a training is burn-in: it must not end with this
    with pytest.raises(ValueError, match=r"loss weights name \['loss_box'\]"):
        step(model)


def test_the_focal_loss_is_the_heads_for_labeled_and_unlabeled_images():
    for model in (build().student, build().labeler.teacher):
        head = model.roi_head.bbox_head
        assert isinstance(head.loss_cls, SoftmaxFocalLoss) and head.loss_cls.gamma == 1.5
    focal, entropy = (
        step(build(detector=dict(roi_head=dict(bbox_head=dict(loss_cls=dict(gamma=gamma))))))
        for gamma in (1.5, 0.0)
    )
    for name in ('sup_loss_cls', 'unsup_loss_cls'):
        assert 0 < focal[name] < entropy[name]


# ---------------------------------------------------------------- burn-in and teacher


def schedule(model, hook, iterations, batch=None):
    """The hook around each step, the student's weights after each, and the losses."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    runner = SimpleNamespace(model=model, iter=0)
    hook.before_train(runner)
    students, losses = [], []
    for runner.iter in range(iterations):
        hook.before_train_iter(runner, runner.iter)
        losses.append(step(model, batch, seed=runner.iter))
        total, _ = model.parse_losses(losses[-1])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        students.append(copy.deepcopy(model.student.state_dict()))
        hook.after_train_iter(runner, runner.iter)
    return students, losses


def ema_hook(burn_in):
    config = Config.fromfile(CONFIG).default_hooks.ema_teacher
    assert (config.type, config.ema_decay) == ('EMATeacherHook', 0.99)
    return HOOKS.build(dict(config, burn_in=burn_in))


def test_no_label_exists_before_the_burn_in_ends():
    model = build()
    asked = []
    model.labeler.register_forward_hook(lambda *_: asked.append(len(losses)))
    losses = []
    hook, runner = ema_hook(2), SimpleNamespace(model=model, iter=0)
    for runner.iter in range(4):
        hook.before_train_iter(runner, runner.iter)
        losses.append(step(model))
    assert asked == [2, 3]
    for iteration, found in enumerate(losses):
        assert bool(by_name(found, 'unsup_')) == ('pseudo_boxes' in found) == (iteration >= 2)


@pytest.mark.parametrize('burn_in', [0, 2])
def test_the_teacher_is_the_student_when_the_burn_in_ends(burn_in):
    model = build()
    with torch.no_grad():
        for parameter in model.labeler.teacher.parameters():
            parameter.add_(1.0)  # whatever it was before
    start = copy.deepcopy(model.student.state_dict())
    hook, seen = ema_hook(burn_in), []
    model.labeler.register_forward_hook(
        lambda labeler, *_: seen.append(copy.deepcopy(labeler.teacher.state_dict()))
    )
    students, _ = schedule(model, hook, burn_in + 1)
    expected = students[burn_in - 1] if burn_in else start
    assert len(seen) == 1  # the first labels are this teacher's
    for name, tensor in expected.items():
        assert torch.equal(seen[0][name], tensor), name


def test_the_teacher_follows_the_closed_form_after_the_burn_in():
    model, burn_in, steps, keep = build(), 1, 3, 0.99
    students, _ = schedule(model, ema_hook(burn_in), burn_in + steps)
    history = students[burn_in - 1 :]  # what was copied, then one state a step
    shares = [keep**steps] + [(1 - keep) * keep ** (steps - k) for k in range(1, steps + 1)]
    for name, found in model.labeler.teacher.state_dict().items():
        if found.is_floating_point():
            expected = sum(s * state[name] for s, state in zip(shares, history, strict=True))
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    ('file', 'keep', 'burn_in', 'iterations', 'images'),
    [
        ('coco_partial', 0.9996, 2000, 180000, 32),
        ('coco_full', 0.9996, 90000, 360000, 32),
        ('voc', 0.999, 30000, 180000, 16),
    ],
)
def test_the_numbers_of_the_public_code(file, keep, burn_in, iterations, images):
    cfg = Config.fromfile(FOLDER / f'{file}.py')
    hook = cfg.default_hooks.ema_teacher
    assert (hook.ema_decay, hook.burn_in, cfg.train_cfg.max_iters) == (keep, burn_in, iterations)
    assert cfg.train_dataloader.sampler.counts == dict(labeled=images // 8, unlabeled=images // 8)
    assert cfg.auto_scale_lr.base_batch_size == 2 * images
    assert cfg.optim_wrapper.optimizer.lr == 0.01
    assert [scheduler.type for scheduler in cfg.param_scheduler] == ['LinearLR']  # then constant
    assert (cfg.model.balancer.threshold, cfg.model.selector.certainty) == (0.7, 'p')
    training = cfg.model.detector.train_cfg
    assert (training.rpn.sampler.num, training.rpn.sampler.pos_fraction) == (256, 0.25)
    assert (training.rcnn.sampler.num, training.rcnn.sampler.pos_fraction) == (512, 0.25)
    # no test of a teacher that knows nothing
    assert cfg.train_cfg.get('val_begin', 5000) >= burn_in
    assert (cfg.load_from, cfg.model.labeler.checkpoint) == (None, '')


# ---------------------------------------------------------------- two views of labeled images


def test_the_supervised_loss_is_the_mean_over_weak_and_strong():
    inputs, samples = two_views()
    model = build()
    model.unsupervised = False
    both = step(model, (inputs, samples))
    singles = []
    torch.manual_seed(7)
    for branch in ('labeled', 'labeled_strong'):
        singles.append(model.student.loss(inputs[branch], samples[branch]))
    for name in ('loss_cls', 'loss_bbox', 'loss_rpn_cls', 'loss_rpn_bbox'):
        weak, strong = (by_name(losses)[name] for losses in singles)
        assert weak != strong
        found = by_name(both, 'sup_')[name]
        torch.testing.assert_close(found, (weak + strong) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('file', sorted(FOLDER.glob('*.py')), ids=lambda file: file.stem)
def test_labeled_images_come_in_both_views(file):
    sources = Config.fromfile(file).train_dataloader.dataset
    branch, views = sources.labeled.pipeline.branch, sources.unlabeled.pipeline.views
    assert branch.branch_field == views.branch_field  # or the two could not be in one batch
    assert set(branch) == {'type', 'branch_field', 'labeled', 'labeled_strong'}
    assert list(branch.labeled_strong) == ['type', 'color', 'gray', 'blur', 'cutout', 'pack']
    assert branch.labeled_strong.pack == branch.labeled
