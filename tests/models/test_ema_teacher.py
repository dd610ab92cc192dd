"""The teacher follows the student by its formula: parameters and batch norm, in every part of the detector."""

import copy

import pytest
import torch
from mmdet.registry import MODELS
from torch import nn

from mmssod.models.pseudo import EMATeacher
from mmssod.tiny_detectors import tiny_detector


def normed_detector():
    """The tiny detector with batch norm in neck and box head too, where others' teachers go stale."""
    config = tiny_detector('plain')
    norm = dict(type='BN')
    config.neck.norm_cfg = norm
    config.roi_head.bbox_head.update(
        type='Shared4Conv1FCBBoxHead', conv_out_channels=16, norm_cfg=norm
    )
    return config


def scatter(model, generator):
    """Other values for all parameters and buffers, as training gives them."""
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator))
        else:
            tensor.add_(3)


def teacher_and_student():
    config = normed_detector()
    return EMATeacher(config), MODELS.build(config)


def test_teacher_is_the_closed_form_after_many_steps():
    teacher, student = teacher_and_student()
    generator, decay, steps = torch.Generator().manual_seed(0), 0.7, 4
    history = []
    for _ in range(steps + 1):
        scatter(student, generator)
        history.append(copy.deepcopy(student.state_dict()))
        teacher.update(student, decay if len(history) > 1 else 0.0)
    shares = [decay**steps] + [(1 - decay) * decay ** (steps - k) for k in range(1, steps + 1)]
    assert sum(shares) == pytest.approx(1)
    found = teacher.teacher.state_dict()
    for part in ('backbone', 'neck', 'roi_head.bbox_head'):
        assert any(n.startswith(part) and n.endswith('running_mean') for n in found)
        assert any(n.startswith(part) and n.endswith('weight') for n in found)
    for name, value in found.items():
        if value.is_floating_point():
            expected = sum(s * state[name] for s, state in zip(shares, history, strict=True))
            torch.testing.assert_close(value, expected, msg=name)
        else:
            assert torch.equal(value, history[-1][name]), name


def test_decay_zero_copies_and_one_keeps():
    teacher, student = teacher_and_student()
    scatter(student, torch.Generator().manual_seed(0))
    before = copy.deepcopy(teacher.teacher.state_dict())
    teacher.update(student, 1.0)
    floats = [n for n, value in before.items() if value.is_floating_point()]
    assert all(torch.equal(teacher.teacher.state_dict()[n], before[n]) for n in floats)
    teacher.update(student, 0.0)
    for name, value in student.state_dict().items():
        assert torch.equal(teacher.teacher.state_dict()[name], value), name
    assert not any(p.requires_grad for p in teacher.parameters())


def test_student_is_not_moved():
    teacher, student = teacher_and_student()
    before = copy.deepcopy(student.state_dict())
    teacher.update(student, 0.5)
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_a_tensor_that_modules_share_moves_once():
    class Tied(nn.Module):
        """As heads that share their convolutions over levels."""

        def __init__(self, value):
            super().__init__()
            self.one = nn.Linear(1, 1)
            self.two = self.one
            nn.init.constant_(self.one.weight, value)

    teacher = EMATeacher(normed_detector())
    teacher.teacher = Tied(1.0).requires_grad_(False)
    teacher.update(Tied(0.0), 0.9)
    assert teacher.teacher.one.weight.item() == pytest.approx(0.9)
