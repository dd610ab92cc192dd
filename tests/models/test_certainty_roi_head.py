"""Weights travel with the boxes; foreground certainties come back; the rest is mmdet's RoI head."""

import pytest
import torch
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from mmssod.models.roi_heads.certainty_roi_head import foreground_certainty
from mmssod.tiny_detectors import tiny_detector, tiny_sample


def build(head='bucket', roi_head='CertaintyRoIHead'):
    torch.manual_seed(0)
    config = tiny_detector(head)
    module = MODELS.build(
        ConfigDict(
            config['roi_head'],
            type=roi_head,
            train_cfg=config['train_cfg']['rcnn'],
            test_cfg=config['test_cfg']['rcnn'],
        )
    )
    module.init_weights()
    return module


def loss(module, weights=None, boxes=2):
    """Losses of two images with the same features, proposals and sampling in each call."""
    torch.manual_seed(1)
    features = [torch.randn(2, 16, 64 // stride, 64 // stride) for stride in (4, 8, 16, 32, 64)]
    samples = [tiny_sample(0, boxes), tiny_sample(1, 1)]
    if weights is not None:
        samples[0].gt_instances.weights = torch.tensor(weights)
    jitter = torch.rand(2, 40, 4) * 6
    base = tiny_sample(0, 4).gt_instances.bboxes.repeat(10, 1)
    proposals = [InstanceData(bboxes=base + shift) for shift in jitter]
    return module.loss(features, proposals, samples)


@pytest.mark.parametrize('head', ['bucket', 'side', 'plain'])
def test_without_weights_it_is_mmdets(head):
    ours, theirs = build(head), build(head, 'StandardRoIHead')
    assert type(theirs) is StandardRoIHead
    found, expected = loss(ours), loss(theirs)
    assert set(found) - set(expected) == {'fg_certainty', 'fg_count'}
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize('head', ['bucket', 'side', 'plain'])
def test_unit_weights_change_nothing(head):
    module = build(head)
    plain, unit = loss(module), loss(module, [1.0, 1.0])
    assert all(torch.equal(plain[name], unit[name]) for name in plain)


@pytest.mark.parametrize('head', ['bucket', 'plain'])
def test_loss_is_linear_in_the_weights(head):
    module = build(head)
    one, two, three = (loss(module, [weight, weight]) for weight in (1.0, 2.0, 3.0))
    for name in one:
        if 'loss' in name:
            assert torch.allclose(three[name] - two[name], two[name] - one[name], atol=1e-5), name
            assert three[name] > one[name], name


def test_sabl_of_mmdet_takes_weights_too():
    config = tiny_detector('plain')
    bbox_head = dict(
        type='SABLHead',
        num_classes=3,
        cls_in_channels=16,
        reg_in_channels=16,
        cls_out_channels=32,
        reg_offset_out_channels=16,
        reg_cls_out_channels=16,
    )
    module = MODELS.build(
        ConfigDict(
            config['roi_head'],
            bbox_head=bbox_head,
            train_cfg=config['train_cfg']['rcnn'],
            test_cfg=config['test_cfg']['rcnn'],
        )
    )
    assert loss(module, [2.0, 2.0])['loss_bbox_cls'] > loss(module)['loss_bbox_cls']


def test_foreground_sums():
    module = build('bucket')
    losses = loss(module)
    # Image 0 holds a box of class 0 and one of class 1, image 1 one of class 0.
    assert losses['fg_count'][2] == 0
    assert (losses['fg_count'][:2] > 0).all()
    assert (losses['fg_certainty'] <= losses['fg_count']).all()
    assert (losses['fg_certainty'][:2] > 0).all()


def test_plain_head_counts_p_alone():
    module = build('plain')
    scores = torch.tensor([[2.0, 0, 0, 0], [0, 0, 0, 5.0]])
    results = dict(cls_score=scores, bbox_pred=None)
    sums = foreground_certainty(module.bbox_head, results, torch.tensor([0, 3]))
    assert sums['fg_certainty'][0].item() == pytest.approx(scores[0].softmax(0)[0].item())
    assert sums['fg_count'].tolist() == [1, 0, 0]


def test_no_true_box_gives_finite_losses():
    losses = loss(build('bucket'), boxes=0)
    assert all(torch.isfinite(value).all() for value in losses.values())
