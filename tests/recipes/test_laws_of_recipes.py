"""What holds for a step of every recipe."""

import copy

import pytest
import torch
from builders.tiny_recipes import (
    assert_same,
    build_recipe,
    tiny_recipe,
    two_steps,
    with_hidden_boxes,
)
from mmdet.registry import MODELS

from mmssod.tiny_detectors import tiny_batch

# An untrained detector is sure of little, and v is near 1 / K.
LOW = dict(balancer=dict(threshold=0.3, bounds=(0.0, 0.9)))
LOWER = dict(balancer=dict(threshold=0.05, bounds=(0.0, 0.9)))
STUDENTS = dict(
    certainty=('demo/student', LOWER),
    certainty_mixup=('certainty/beyond/demo_mixup', LOWER),
    unbiased_teacher=('unbiased_teacher/demo', LOW),
    stac=('stac/demo', dict(LOW, labeler=dict(checkpoint=''))),
    soft_teacher=(
        'soft_teacher/demo', dict(rpn_threshold=0.55, cls_threshold=0.58, max_deviation=0.1),
    ),
    csd=('csd/demo', {}),
    ismt=('ismt/demo', dict(LOW, merger=dict(score_thr=0.3))),
    instant_teaching=('instant_teaching/demo', LOW),
    co_rectify=('instant_teaching/co_rectify_demo', LOW),
    cascade=('demo/student_cascade', LOW),
)  # fmt: skip
each = pytest.mark.parametrize('name', STUDENTS)


def built(name):
    config, changes = STUDENTS[name]
    return build_recipe(tiny_recipe(f'configs/{config}.py', **changes))


def batch_of(name):
    inputs, samples = tiny_batch()
    if name == 'csd':
        del inputs['strong'], samples['strong']
    if name == 'unbiased_teacher':
        inputs['labeled_strong'] = inputs['labeled'] * 0.8 + 0.1
        samples['labeled_strong'] = copy.deepcopy(samples['labeled'])
    return inputs, samples


@each
def test_a_step_changes_nothing_given_and_teaches_the_student_alone(name):
    """Each parameter that is trained has a gradient, as distributed training needs."""
    model, batch = built(name), batch_of(name)
    before = copy.deepcopy(batch)
    losses = model.loss(*batch)
    assert_same(batch, before)
    assert losses.get('pseudo_boxes', 1) > 0
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    assert not any(
        p.requires_grad for p in getattr(model, 'labeler', torch.nn.Module()).parameters()
    )


@each
def test_boxes_of_unlabeled_images_cannot_leak(name):
    assert two_steps(built(name), with_hidden_boxes(batch_of(name))) == two_steps(
        built(name), batch_of(name)
    )


@each
def test_mixed_precision_is_finite(name):
    model = built(name)
    with torch.autocast('cpu', torch.bfloat16):
        total, _ = model.parse_losses(model.loss(*batch_of(name)))
    assert torch.isfinite(total)


@each
def test_a_detectors_checkpoint_starts_student_and_teacher(name):
    """Of two networks, the first; nothing of it is left over."""
    model = built(name)
    config, changes = STUDENTS[name]
    torch.manual_seed(5)
    start = MODELS.build(tiny_recipe(f'configs/{config}.py', **changes).detector).state_dict()
    _, unexpected = model.load_state_dict(copy.deepcopy(start), strict=False)
    assert not unexpected
    for part in (model.student, getattr(getattr(model, 'labeler', None), 'teacher', model.student)):
        assert all(torch.equal(part.state_dict()[key], value) for key, value in start.items())
