"""RepPoints' assigner: mmdet's result, and no tensor of the host among those of a device."""

import pytest
import torch
from fake_device import DEVICE, DeviceError, device_mode, to_device
from mmdet.models.task_modules.assigners import PointAssigner as MMDetPointAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData

from mmssod.models import PointAssigner


def points_and_boxes(boxes):
    """Points x, y, stride of two levels on 64 px, and so many boxes with labels."""
    levels = []
    for stride in (8, 16):
        places = torch.arange(0.0, 64.0, stride)
        x, y = torch.meshgrid(places, places, indexing='xy')
        levels.append(torch.stack([x, y, torch.full_like(x, stride)], dim=-1).view(-1, 3))
    corners = torch.tensor([[0.0, 0, 30, 40], [10, 4, 60, 62], [12, 8, 44, 30]])
    truth = InstanceData(bboxes=corners[:boxes], labels=torch.arange(3)[:boxes])
    return InstanceData(priors=torch.cat(levels)), truth


def results(assigner, boxes, move=lambda value: value):
    found = assigner.assign(*map(move, points_and_boxes(boxes)))
    return [value.tolist() for value in (found.gt_inds, found.labels)]


@pytest.mark.parametrize('boxes', [0, 1, 3])
def test_the_result_is_mmdets(boxes):
    ours = TASK_UTILS.build(dict(type='PointAssigner', scale=4, pos_num=2))
    assert type(ours) is PointAssigner
    expected = results(MMDetPointAssigner(scale=4, pos_num=2), boxes)
    assert results(ours, boxes) == expected
    assert max(expected[0]) == boxes
    with device_mode():
        assert results(ours, boxes, to_device) == expected


def test_mmdets_own_fails_on_a_device():
    """Once it does not, this correction can go."""
    with device_mode(), pytest.raises(DeviceError, match='points_range'):
        MMDetPointAssigner(scale=4).assign(*map(to_device, points_and_boxes(1)))
    assert torch.arange(1).device != DEVICE
