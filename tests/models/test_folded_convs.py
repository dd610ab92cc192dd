"""Blocks with folded batch norm: the losses of mmdet's blocks, and weights under the same names."""

import copy

import pytest
import torch
from mmcv.cnn import ConvModule
from mmdet.models.backbones.csp_darknet import Focus
from mmdet.models.task_modules.assigners.sim_ota_assigner import SimOTAAssigner
from mmdet.registry import MODELS
from mmengine.config import Config
from torch import nn

from mmssod.models.folded_convs import FoldedConv, FoldedFocus
from mmssod.models.frozen_batch_norm import fold_batch_norm, freeze_batch_norm
from mmssod.tiny_detectors import tiny_sample

NORM = dict(norm_cfg=dict(type='BN', eps=1e-3), act_cfg=dict(type='SiLU'))


def drawn(block):
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-1, 1), norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2), nn.init.uniform_(norm.bias, -1, 1)
    return block


def pair(block):
    """A frozen block, and a folded copy of it."""
    freeze_batch_norm(drawn(nn.Sequential(block)).train())
    folded = copy.deepcopy(block)
    assert fold_batch_norm(nn.Sequential(folded)) == 1
    return block, folded


@pytest.mark.parametrize(
    ('kind', 'kwargs', 'folded_kind'),
    [
        (ConvModule, dict(kernel_size=1), FoldedConv),
        (ConvModule, dict(kernel_size=1, bias=True), FoldedConv),
        (ConvModule, dict(kernel_size=3, stride=2, padding=1, groups=4), FoldedConv),
        (ConvModule, dict(kernel_size=3, padding=1, padding_mode='reflect'), ConvModule),
        (ConvModule, dict(kernel_size=1, order=('norm', 'conv', 'act')), ConvModule),
        (Focus, dict(kernel_size=3), FoldedFocus),
        (Focus, dict(kernel_size=1), FoldedFocus),
        (Focus, dict(kernel_size=3, stride=2), Focus),
    ],
)
def test_outputs_and_gradients_are_those_of_the_block(kind, kwargs, folded_kind):
    torch.manual_seed(0)
    block, folded = pair(kind(4, 4, **kwargs, **NORM))
    assert type(folded) is folded_kind and folded.state_dict().keys() == block.state_dict().keys()
    images = torch.randn(2, 4, 8, 12)
    results = []
    for module in (block, folded):
        x = images.clone().requires_grad_()
        y = module(x)
        y.square().mean().backward()
        weights = [p for p in module.parameters() if p.requires_grad]
        results.append([y, x.grad, *[p.grad for p in weights]])
        with torch.no_grad():
            torch.testing.assert_close(module(images), y)
    assert len(results[1]) > 2
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-6)


def test_a_block_with_running_statistics_stays_as_it_is():
    """Also one that is folded and gets its training mode back."""
    for kind in (ConvModule, Focus):
        torch.manual_seed(0)
        block = drawn(kind(4, 4, 3, **NORM))
        folded = copy.deepcopy(block)
        fold_batch_norm(nn.Sequential(folded))
        images = torch.randn(2, 4, 8, 8)
        assert torch.equal(block.train()(images), folded.train()(images))
        norms = [m.conv.bn if kind is Focus else m.bn for m in (block, folded)]
        assert torch.equal(norms[0].running_mean, norms[1].running_mean)


def yolox(fast):
    torch.manual_seed(0)
    config = Config.fromfile('configs/_base_/models/yolox_nano.py').model
    config.bbox_head.num_classes = 3
    model = drawn(MODELS.build(config))
    freeze_batch_norm(model)
    if fast:
        fold_batch_norm(model)
        model.to(memory_format=torch.channels_last)
    else:
        model.bbox_head.assigner = SimOTAAssigner(center_radius=2.5)
    return model.train()


@pytest.mark.slow
def test_losses_of_20_steps_and_checkpoints_are_those_of_mmdets_blocks():
    torch.manual_seed(1)
    images, losses, models = torch.rand(2, 3, 96, 96) * 255, [], []
    for fast in (False, True):
        model = yolox(fast)
        optimizer = torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=fast
        )
        losses.append([])
        for _ in range(20):
            parts = model.loss(images, [tiny_sample(i, 4, 96) for i in range(2)])
            loss = sum(parts.values())
            optimizer.zero_grad(), loss.backward(), optimizer.step()
            losses[-1].append(loss.item())
        models.append(model)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4) and losses[1] != losses[0]
    assert losses[0][-1] < 0.9 * losses[0][0]
    slow, fast = models
    assert {FoldedConv, FoldedFocus} <= set(map(type, fast.modules()))
    assert slow.state_dict().keys() == fast.state_dict().keys()
    slow.load_state_dict(fast.state_dict())
    for model, layout in ((slow, torch.contiguous_format), (fast, torch.channels_last)):
        assert model.backbone(images)[-1].is_contiguous(memory_format=layout)
    with torch.no_grad():
        answers = [model.eval()(images) for model in (slow, fast)]
    torch.testing.assert_close(*answers, rtol=1e-3, atol=1e-3)
