"""Bucket heads: any K, losses that fall to zero at the truth, certainties that survive suppression."""

import math

import pytest
import torch
from mmdet.models.roi_heads.bbox_heads import SABLHead
from mmdet.models.task_modules import AssignResult, SamplingResult
from mmdet.registry import MODELS
from mmengine.config import ConfigDict

from mmssod import equations
from mmssod.tiny_detectors import tiny_detector

HEADS = ['bucket', 'side']
TEST_CFG = ConfigDict(score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10)


def build(head, num_buckets=6, num_classes=3):
    config = tiny_detector(head, num_classes, num_buckets)['roi_head']['bbox_head']
    module = MODELS.build(config)
    module.init_weights()
    return module


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('num_buckets', [2, 4, 8, 20, 30, 40])
@pytest.mark.parametrize('count', [0, 1, 5])
def test_every_k_builds_and_answers(head, num_buckets, count):
    module = build(head, num_buckets)
    scores, localization = module(torch.randn(count, 16, 7, 7))
    assert scores.shape == (count, 4)
    assert localization.shape == (count, 2, 4, num_buckets)
    assert module.loc_certainty(localization).shape == (count,)


@pytest.mark.parametrize('head', HEADS)
def test_buckets_start_at_their_prior(head):
    module = build(head, num_buckets=20)
    _, localization = module(torch.randn(8, 16, 7, 7))
    assert localization[:, 0].sigmoid().mean().item() == pytest.approx(1 / 20, rel=0.2)
    assert localization[:, 1].abs().max() < 0.3


@pytest.mark.parametrize('head', HEADS)
def test_loss_is_zero_at_the_truth_and_counts_all_rois(head):
    module = build(head)
    rois = torch.tensor([[0.0, 10, 10, 50, 50], [0, 12, 8, 52, 48], [0, 70, 70, 90, 90]])
    truth = torch.tensor([[11.0, 9, 52, 51]]).repeat(3, 1)
    labels = torch.tensor([1, 1, 3])  # the third is background
    weights = torch.ones(3)
    box_weights = torch.tensor([1.0, 1.0, 0.0])[:, None].expand(3, 4)
    targets = module.bbox_coder.encode(rois[:, 1:], truth)
    perfect = torch.stack([30 * (2 * targets.labels - 1), targets.offsets], dim=1)
    scores = torch.randn(3, 4)
    losses = module.loss(scores, perfect, rois, labels, weights, truth, box_weights)
    assert losses['loss_bbox_cls'] < 1e-6
    assert losses['loss_bbox_reg'] == 0
    # Hand-worked: logits 0 cost log 2 a counted bucket, over all three RoIs, at a quarter.
    blank = torch.stack([torch.zeros_like(targets.labels), targets.offsets], dim=1)
    losses = module.loss(scores, blank, rois, labels, weights, truth, box_weights)
    expected = 0.25 * math.log(2) * targets.label_weights[:2].sum() / 3
    assert losses['loss_bbox_cls'].item() == pytest.approx(expected.item())


@pytest.mark.parametrize('head', HEADS)
def test_weights_scale_the_localization_loss(head):
    module = build(head)
    rois = torch.tensor([[0.0, 10, 10, 50, 50]])
    truth, labels = torch.tensor([[12.0, 8, 55, 49]]), torch.tensor([0])
    scores, localization = module(torch.randn(1, 16, 7, 7))

    def loss(weight):
        weights = torch.full((1, 4), weight)
        losses = module.loss(scores, localization, rois, labels, torch.ones(1), truth, weights)
        return torch.stack([losses['loss_bbox_cls'], losses['loss_bbox_reg']])

    assert torch.allclose(loss(3.0), 3 * loss(1.0))
    assert (loss(0.0) == 0).all()


@pytest.mark.parametrize('head', HEADS)
def test_equation_5(head):
    module = build(head)
    rois = torch.tensor([[0.0, 10, 10, 50, 50], [0, 12, 8, 52, 48]])
    truth, labels = torch.tensor([[12.0, 8, 55, 49]]).repeat(2, 1), torch.tensor([0, 3])
    scores, localization = module(torch.randn(2, 16, 7, 7))
    losses = module.loss(scores, localization, rois, labels, torch.ones(2), truth, torch.ones(2, 4))
    targets = module.bbox_coder.encode(rois[:1, 1:], truth[:1])
    logits, offsets = localization[:1].unbind(dim=1)
    segment = equations.segment_loss(logits, targets.labels, targets.label_weights)
    offset = equations.offset_loss(offsets, targets.offsets, targets.offset_weights)
    # A mean over the four sides, and over both RoIs, of which one is background.
    expected = equations.localization_loss(segment, offset).sum() / 4 / 2
    found = losses['loss_bbox_cls'] + losses['loss_bbox_reg']
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def predict(module, rois, scores, localization, **meta):
    meta = dict(img_shape=(100, 100), scale_factor=(2.0, 2.0), **meta)
    return module.predict_by_feat(
        [rois], [scores], [localization], [meta], TEST_CFG, rescale=False
    )[0]


@pytest.mark.parametrize('head', HEADS)
def test_certainties_survive_suppression(head):
    module = build(head)
    boxes = torch.tensor([[10.0, 10, 30, 30], [11, 10, 31, 30], [60, 60, 90, 90], [20, 60, 40, 80]])
    rois = torch.cat([torch.zeros(4, 1), boxes], dim=1)
    # Class scores: box 1 is surer of its class than box 0, which is surer of its place.
    scores = torch.tensor([[0.60, 0, 0], [0.70, 0, 0], [0, 0, 0.9], [0.02, 0, 0]])
    scores = torch.cat([scores, 1 - scores.sum(1, keepdim=True)], dim=1).clamp(min=1e-9).log()
    targets = module.bbox_coder.encode(boxes, boxes)
    logits = targets.labels * torch.tensor([3.0, 0.5, 1.0, 2.0])[:, None, None] - 5 * (
        1 - targets.labels
    )
    localization = torch.stack([logits, targets.offsets], dim=1)
    result = predict(module, rois, scores, localization)
    v = equations.localization_certainty(logits)
    # p*v: 0.60 * 0.95 > 0.70 * 0.62, so box 0 suppresses box 1; box 3 is below the threshold on p.
    assert result.labels.tolist() == [2, 0]
    assert torch.allclose(result.cls_certainty, torch.tensor([0.9, 0.6]))
    assert torch.allclose(result.loc_certainty, v[[2, 0]])
    assert torch.allclose(result.scores, result.cls_certainty * result.loc_certainty)
    assert torch.allclose(result.bboxes, boxes[[2, 0]], atol=1e-3)


@pytest.mark.parametrize('head', HEADS)
def test_no_rois_no_predictions(head):
    module = build(head)
    result = predict(module, torch.zeros(0, 5), torch.zeros(0, 4), torch.zeros(0, 2, 4, 6))
    assert len(result) == 0
    assert result.cls_certainty.shape == result.loc_certainty.shape == (0,)


def test_unknown_arguments_are_errors():
    config = tiny_detector('bucket')['roi_head']['bbox_head']
    with pytest.raises(TypeError, match='buckets_per_side'):
        MODELS.build(dict(config, buckets_per_side=3))


@pytest.mark.parametrize('num_buckets', [7, 30])
def test_losses_of_sabl(num_buckets):
    """mmdet's ``SABLHead`` on equal answers: it weighs a side's buckets by a quarter, its offsets by 1."""
    theirs = SABLHead(
        num_classes=3,
        cls_in_channels=16,
        reg_in_channels=16,
        roi_feat_size=num_buckets,
        cls_out_channels=8,
        bbox_coder=dict(type='BucketingBBoxCoder', num_buckets=2 * num_buckets, scale_factor=1.7),
    )
    reach = 1 / num_buckets  # mmdet's: the next bucket, however narrow
    coder = dict(
        type='SideBucketCoder', num_buckets=num_buckets, offset_reach=reach, clamp_targets=False
    )
    config = tiny_detector('bucket', 3, num_buckets)['roi_head']['bbox_head']
    ours = MODELS.build(
        {**config, 'bbox_coder': coder, 'bucket_loss_weight': 0.25, 'offset_loss_weight': 1.0}
    )
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(5, 2, generator=generator) * 50
    boxes = torch.cat([corners, corners + 20 + 30 * torch.rand(5, 2, generator=generator)], dim=1)
    truth = boxes[:3] + torch.randn(3, 4, generator=generator) * 3
    result = SamplingResult(
        pos_inds=torch.arange(3),
        neg_inds=torch.arange(3, 5),
        priors=boxes,
        gt_bboxes=truth,
        assign_result=AssignResult(
            3, torch.tensor([1, 2, 3, 0, 0]), torch.ones(5), torch.tensor([0, 1, 2, 3, 3])
        ),
        gt_flags=torch.zeros(5, dtype=torch.uint8),
    )
    result.pos_gt_labels = torch.tensor([0, 1, 2])
    scores = torch.randn(5, 4, generator=generator)
    answers = torch.randn(5, 2, 4, num_buckets, generator=generator)
    rois = torch.cat([torch.zeros(5, 1), boxes], dim=1)
    labels, label_weights, *targets = theirs.get_targets([result], ConfigDict(pos_weight=-1))
    # Their sides are left, right, top, bottom; their offsets go from the side to the center line, along the axis.
    order, sign = [0, 2, 1, 3], torch.tensor([-1.0, -1, 1, 1])[:, None]
    logits, offsets = answers[:, 0, order].flatten(1), (answers[:, 1] * sign)[:, order].flatten(1)
    expected = theirs.loss(scores, (logits, offsets), rois, labels, label_weights, *targets)
    box_targets, box_weights = torch.zeros(5, 4), torch.zeros(5, 4)
    box_targets[:3], box_weights[:3] = truth, 1.0
    found = ours.loss(scores, answers, rois, labels, label_weights, box_targets, box_weights)
    for name in ('loss_cls', 'loss_bbox_cls', 'loss_bbox_reg'):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)
