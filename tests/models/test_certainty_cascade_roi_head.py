"""Weights travel with the boxes through every stage; the last one's foreground is counted; the rest is mmdet's."""

import pytest
import torch
from builders.tiny_recipes import shrink
from mmdet.models.roi_heads import CascadeRoIHead
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData

from mmssod.tiny_detectors import tiny_detector, tiny_sample


def build(head='plain', roi_head='CertaintyCascadeRoIHead'):
    torch.manual_seed(0)
    config = Config.fromfile('configs/_base_/models/cascade_rcnn_lite.py').model
    config = ConfigDict(shrink(config.to_dict()))
    if head != 'plain':
        config.roi_head.bbox_head = [tiny_detector(head).roi_head.bbox_head for _ in range(3)]
    config.roi_head.update(
        type=roi_head, train_cfg=config.train_cfg.rcnn, test_cfg=config.test_cfg.rcnn
    )
    module = MODELS.build(config.roi_head)
    module.init_weights()
    return module


def features():
    return [torch.randn(2, 16, 64 // stride, 64 // stride) for stride in (4, 8, 16, 32, 64)]


def loss(module, weights=None, boxes=2):
    """Losses of two images with the same features, proposals and sampling in each call."""
    torch.manual_seed(1)
    maps = features()
    samples = [tiny_sample(0, boxes), tiny_sample(1, min(boxes, 1))]
    if weights is not None:
        for sample in samples:
            sample.gt_instances.weights = torch.full((len(sample.gt_instances),), weights)
    jitter = torch.rand(2, 40, 4) * 6
    base = tiny_sample(0, 4).gt_instances.bboxes.repeat(10, 1)
    proposals = [InstanceData(bboxes=base + shift) for shift in jitter]
    return module.loss(maps, proposals, samples)


@pytest.mark.parametrize('head', ['plain', 'bucket', 'side'])
def test_without_weights_it_is_mmdets(head):
    ours, theirs = build(head), build(head, 'CascadeRoIHead')
    assert type(theirs) is CascadeRoIHead
    found, expected = loss(ours), loss(theirs)
    assert set(found) - set(expected) == {'fg_certainty', 'fg_count'}
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_every_stage_is_linear_in_the_weights(head):
    module = build(head)
    one, two, three = (loss(module, weight) for weight in (1.0, 2.0, 3.0))
    names = [name for name in one if 'loss' in name]
    assert {name[:3] for name in names} == {'s0.', 's1.', 's2.'}
    for name in names:
        assert torch.allclose(three[name] - two[name], two[name] - one[name], atol=1e-5), name
        assert three[name] > one[name], name


def test_unit_weights_change_nothing():
    module = build()
    plain, unit = loss(module), loss(module, 1.0)
    assert all(torch.equal(plain[name], unit[name]) for name in plain)


def test_the_last_stages_foreground_is_counted():
    module = build()
    counted = []
    for head in module.bbox_head:
        targets = head.get_targets
        head.get_targets = lambda *args, f=targets: counted.append(f(*args)) or counted[-1]
    losses = loss(module)
    labels = counted[-1][0]
    assert len(counted) == 3
    assert losses['fg_count'].tolist() == [(labels == c).sum() for c in range(3)]
    assert losses['fg_count'].sum() > 0
    assert (losses['fg_certainty'] <= losses['fg_count']).all()


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_no_true_box_gives_finite_losses(head):
    losses = loss(build(head), boxes=0)
    assert losses['fg_count'].sum() == 0
    assert all(torch.isfinite(value).all() for value in losses.values())


@pytest.mark.parametrize('head', ['plain', 'bucket'])
def test_prediction(head):
    module = build(head).eval()
    boxes = tiny_sample(0, 4).gt_instances.bboxes
    proposals = [InstanceData(bboxes=boxes), InstanceData(bboxes=boxes[:0])]
    found = module.predict(features(), proposals, [tiny_sample(0), tiny_sample(1)])
    assert len(found[0]) > 0 and len(found[1]) == 0
    assert ('loc_certainty' in found[0]) == (head == 'bucket')


def test_rois_stay_in_float32_under_mixed_precision():
    module = build()
    seen = []
    for extractor in module.bbox_roi_extractor:
        extractor.register_forward_pre_hook(lambda _, args: seen.append(args))
    with torch.autocast('cpu', torch.bfloat16):
        module._bbox_forward(
            0, [level.bfloat16() for level in features()], torch.tensor([[0.0, 1, 1, 30, 30]])
        )
    assert all(level.dtype == torch.float32 for level in seen[0][0])
