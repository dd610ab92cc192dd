"""Frozen batch norm: nothing thaws it, and nobody else notices."""

import copy

import pytest
import torch
from mmcv.cnn import ConvModule, build_norm_layer
from torch import nn

from mmssod.models.frozen_batch_norm import FROZEN, fold_batch_norm, freeze_batch_norm


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


def test_layers_as_mmdet_builds_them_are_frozen():
    """SyncBN is a class of mmengine's, which RTMDet has in all of its parts."""
    for name in ('BN', 'BN1d', 'BN2d', 'BN3d', 'SyncBN'):
        layer = build_norm_layer(dict(type=name), 4)[1]
        assert freeze_batch_norm(nn.Sequential(layer)) == 1
        assert not layer.train().training and not layer.weight.requires_grad
        assert freeze_batch_norm(nn.Sequential(layer)) == 0  # it is already


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


# ---------------------------------------------------------------- folding


def conv_modules(**conv_cfg):
    torch.manual_seed(0)
    norm = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'))
    net = nn.Sequential(
        ConvModule(3, 8, 3, padding=1, conv_cfg=conv_cfg or None, **norm),
        ConvModule(8, 8, 3, groups=8, bias=True, **norm),
        ConvModule(8, 4, 1, norm_cfg=None),
    )
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1), layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2), nn.init.uniform_(layer.bias, -1, 1)
    return net.train()


def test_folding_changes_no_loss_over_20_steps():
    losses = []
    for fold in (False, True):
        net = conv_modules()
        freeze_batch_norm(net)
        assert not fold or fold_batch_norm(net) == 2
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        losses.append([])
        for _ in range(20):
            optimizer.zero_grad()
            loss = net(images()).square().mean()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0][-1] < 0.9 * losses[0][0]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[1] != losses[0]  # another order of operations: it is folded indeed


def test_layers_in_training_and_other_convolutions_are_not_folded():
    for kwargs in (dict(), dict(type='ConvWS')):
        plain, folded = conv_modules(**kwargs), conv_modules(**kwargs)
        assert fold_batch_norm(folded) == 2 - bool(kwargs)
        assert torch.equal(folded(images()), plain(images()))
        if kwargs:  # weights that are standardized in each pass stay so
            torch.testing.assert_close(folded.eval()(images()), plain.eval()(images()))


def test_a_copy_of_a_folded_model_follows_its_own_weights():
    net = conv_modules().eval()
    fold_batch_norm(net)
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[0].conv.weight.zero_(), other[0].norm.bias.zero_(), other[0].norm.running_mean.zero_()
    assert (other[0](images()) == 0).all() and (net[0](images()) != 0).any()
