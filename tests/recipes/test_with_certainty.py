"""CA, DT and RE with each method that learns from pseudo labels: it is built by one line and takes a step."""

import copy

import pytest
import torch
from builders.tiny_recipes import build_recipe, shrink, total
from mmengine.config import Config, ConfigDict

from mmssod.tiny_detectors import tiny_batch

CERTAIN = Config.fromfile('configs/_base_/with_certainty.py')
# What an untrained detector needs to have labels, and whether it takes buckets (CA) by the same line.
LOW = dict(balancer=dict(threshold=0.2, bounds=(0.0, 0.9)))
METHODS = dict(
    unbiased_teacher=('unbiased_teacher/demo', LOW, False),
    stac=('stac/demo', dict(LOW, labeler=dict(checkpoint='')), True),
    instant_teaching=('instant_teaching/demo', LOW, True),
    co_rectify=('instant_teaching/co_rectify_demo', LOW, True),
    ismt=('ismt/demo', dict(LOW, merger=dict(score_thr=0.2)), True),
    soft_teacher=('soft_teacher/demo', dict(LOW, cls_threshold=0.2, rpn_threshold=0.2), True),
    mixpl=('mixpl/demo', LOW, True),
    labelmatch=('labelmatch/demo', dict(balancer=dict(threshold=0.2, limits=(0.0, 1.0))), True),
    consistent_teacher=('consistent_teacher/demo', dict(balancer=dict(bounds=(0.0, 0.9))), False),
)


def combined(name):
    config, changes, buckets = METHODS[name]
    cfg = Config.fromfile(f'configs/{config}.py')
    cfg.merge_from_dict(dict(model=(CERTAIN.certain if buckets else CERTAIN.by_class).to_dict()))
    cfg.merge_from_dict(dict(model=changes))
    return build_recipe(ConfigDict(shrink(cfg.model.to_dict())))


@pytest.mark.parametrize('name', METHODS)
def test_it_takes_a_step_with_weights_and_thresholds_by_class(name):
    model = combined(name)
    model.unsupervised = True
    model.balancer.initialize(torch.tensor([900, 90, 9]))
    weights, thresholds = model.balancer.weights(), model.balancer.thresholds()
    assert weights[0] < weights[1] < weights[2]  # the rarest class counts most
    if name not in ('labelmatch', 'consistent_teacher'):  # theirs come from what they have seen
        assert thresholds[0] > thresholds[1] > thresholds[2]
    before = model.balancer.count.clone()
    inputs, samples = tiny_batch()
    if name == 'unbiased_teacher':
        inputs['labeled_strong'] = inputs['labeled'] * 0.8 + 0.1
        samples['labeled_strong'] = copy.deepcopy(samples['labeled'])
    losses = model.loss(inputs, samples)
    total(losses).backward()
    assert torch.isfinite(total(losses))
    assert not torch.equal(model.balancer.count, before)  # Eq. 6 counts the step's foreground
    assert any('bbox_cls' in loss for loss in losses) == METHODS[name][2]
