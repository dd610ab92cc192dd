"""Frozen batch norm: nothing thaws it, and nobody else notices."""

import copy

import pytest
import torch
from torch import nn

from mmssod.models.frozen_batch_norm import FROZEN, freeze_batch_norm


def model():
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module('backbone', nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))
    net.add_module(
        'head',
        nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2)),
    )
    for norm in (net.backbone[1], net.head[1]):
        norm.running_mean.uniform_(-1, 1), norm.running_var.uniform_(0.5, 2)
    return net


def images():
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def moved(net):
    """Names of what a training step changes."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.1)
    net.train()
    net(images()).square().sum().backward()
    optimizer.step()
    after = net.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def norms(net, part):
    return {name for name in net.state_dict() if name.startswith(f'{part}.1.')}


def test_a_step_leaves_frozen_layers_and_train_does_not_thaw_them():
    net = model()
    assert freeze_batch_norm(net) == 2
    frozen = norms(net, 'backbone') | norms(net, 'head')
    changed = moved(net.train().eval().train())
    assert not changed & frozen
    assert changed == {n for n in net.state_dict() if n not in frozen}


def test_training_sees_the_statistics_that_testing_sees():
    net = model()
    freeze_batch_norm(net)
    torch.testing.assert_close(net.train()(images()), net.eval()(images()), rtol=0, atol=0)


def test_a_part_by_name():
    net = model()
    assert freeze_batch_norm(net, ['backbone']) == 1
    changed = moved(net)
    assert not changed & norms(net, 'backbone')
    assert norms(net, 'head') <= changed
    assert freeze_batch_norm(net, []) == 0
    with pytest.raises(ValueError, match="no part 'neck'; it has .'backbone', 'head'."):
        freeze_batch_norm(net, ['neck'])


def test_copies_and_checkpoints_of_both_kinds_are_interchangeable():
    plain, net = model(), model()
    freeze_batch_norm(net)
    assert net.state_dict().keys() == plain.state_dict().keys()
    net.load_state_dict(plain.state_dict())
    plain.load_state_dict(net.state_dict())
    copied = copy.deepcopy(net).train()
    assert not moved(copied) & norms(copied, 'backbone')
    assert freeze_batch_norm(net) == 0  # they are frozen already


@pytest.mark.parametrize('kind', FROZEN)
def test_every_kind_of_batch_norm(kind):
    layer = kind(4)
    assert freeze_batch_norm(nn.Sequential(layer)) == 1
    assert isinstance(layer, kind) and not layer.train().training
    assert not any(parameter.requires_grad for parameter in layer.parameters())
