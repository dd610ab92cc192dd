"""YOLOX's assigner gives what mmdet's gives."""

import pytest
import torch
from mmdet.models.task_modules.assigners.sim_ota_assigner import SimOTAAssigner as MMDetAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch.nn import functional

from mmssod.models.assigners import SimOTAAssigner
from mmssod.models.assigners.sim_ota_assigner import class_cost


def grid(size=64):
    """Priors of strides 8 and 16 over a square image: center x and y, stride x and y."""
    levels = []
    for stride in (8, 16):
        ys, xs = torch.meshgrid(*[torch.arange(0.0, size, stride)] * 2, indexing='ij')
        levels.append(torch.stack([xs, ys, *[torch.full_like(xs, stride)] * 2], -1).view(-1, 4))
    priors = torch.cat(levels)
    priors[:, :2] += priors[:, 2:] / 2
    return priors


def case(seed, number, low=4, high=40, classes=5):
    torch.manual_seed(seed)
    priors, corners = grid(), torch.rand(number, 2) * 40
    boxes = torch.cat([corners, corners + low + torch.rand(number, 2) * (high - low)], 1)
    sizes = priors[:, 2:] * torch.rand(len(priors), 2).mul(2).exp() / 2
    predicted = torch.cat([priors[:, :2] - sizes, priors[:, :2] + sizes], 1)
    labels = torch.randint(classes, (number,))
    found = InstanceData(bboxes=predicted, scores=torch.rand(len(priors), classes), priors=priors)
    return found, InstanceData(bboxes=boxes, labels=labels)


@pytest.mark.parametrize('number', [0, 1, 2, 30])
@pytest.mark.parametrize('high', [5, 40])
def test_matches_are_those_of_mmdet(number, high):
    """Tiny boxes hold no prior's center, many boxes contest priors."""
    foreground = 0
    for seed in range(20):
        found, truth = case(seed, number, high=high)
        ours, theirs = SimOTAAssigner().assign(found, truth), MMDetAssigner().assign(found, truth)
        assert torch.equal(ours.gt_inds, theirs.gt_inds)
        assert torch.equal(ours.labels, theirs.labels)
        torch.testing.assert_close(ours.max_overlaps, theirs.max_overlaps)
        assert ours.max_overlaps.dtype == theirs.max_overlaps.dtype
        foreground += int((ours.gt_inds > 0).sum())
    assert (foreground >= 20) == (number > 0)


def test_boxes_outside_of_the_image_match_nothing():
    found, truth = case(0, 3)
    truth.bboxes += 1000
    result = SimOTAAssigner().assign(found, truth)
    assert (
        not result.gt_inds.any() and (result.labels == -1).all() and not result.max_overlaps.any()
    )


def test_class_costs_are_those_of_torch_up_to_the_ends():
    scores = torch.tensor([[0.0, 1.0, 0.3], [1.0, 0.0, 1e-30]])
    labels = torch.tensor([0, 2, 1, 1])
    one_hot = functional.one_hot(labels, 3).float()
    expected = [
        functional.binary_cross_entropy(row.expand(4, 3), one_hot, reduction='none').sum(1)
        for row in scores
    ]
    torch.testing.assert_close(class_cost(scores, labels), torch.stack(expected))


def test_yolox_as_mmdet_configures_it_has_it():
    assert type(TASK_UTILS.build(dict(type='mmdet.SimOTAAssigner'))) is SimOTAAssigner
