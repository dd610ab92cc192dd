"""Heads without buckets answer p and v; their boxes and scores stay mmdet's."""

import copy

import pytest
import torch
from builders.dense_detectors import HEADS, batch, dense_detector
from mmengine.structures import InstanceData

from mmssod.models.dense_certainty import MAX_PER_IMAGE, side_certainty, with_certainty
from mmssod.structures import PseudoLabels


def answers(detector, boxes=(0, 1, 3)):
    images, samples = batch(boxes)
    with torch.no_grad():
        return [s.pred_instances for s in detector.eval().predict(images, samples, rescale=False)]


def same_boxes(ours: InstanceData, theirs: InstanceData) -> None:
    theirs = theirs[: len(ours)]
    assert len(ours) > 0
    for name in ('bboxes', 'scores', 'labels'):
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize('name', HEADS)
def test_boxes_and_scores_stay(name):
    plain = dense_detector(name)
    ours = with_certainty(copy.deepcopy(plain))
    assert type(ours.bbox_head).__name__ == type(plain.bbox_head).__name__
    assert ours.state_dict().keys() == plain.state_dict().keys()
    for one, other in zip(answers(ours), answers(plain), strict=True):
        same_boxes(one, other)
        labels = PseudoLabels.from_predictions(one)
        for certainty in (labels.cls_certainty, labels.loc_certainty):
            assert ((certainty >= 0) & (certainty <= 1)).all()
        assert len(one) <= max(MAX_PER_IMAGE, ours.bbox_head.test_cfg.get('max_per_img', 0))


@pytest.mark.parametrize('name', ['fcos', 'atss'])
def test_a_factor_of_the_score_is_v(name):
    for found in answers(with_certainty(dense_detector(name))):
        assert found.loc_certainty.std() > 0
        torch.testing.assert_close(found.cls_certainty * found.loc_certainty, found.scores)


@pytest.mark.parametrize('name', ['retinanet', 'rtmdet', 'yolox'])
def test_without_one_v_is_1_and_p_the_score(name):
    for found in answers(with_certainty(dense_detector(name))):
        assert (found.loc_certainty == 1).all()
        assert torch.equal(found.cls_certainty, found.scores)


def test_a_distribution_gives_v_by_equation_4():
    detector = with_certainty(dense_detector('gfl')).eval()
    images, samples = batch((1, 2))
    with torch.no_grad():
        levels = detector.bbox_head(detector.extract_feat(images))[1]
        found = detector.predict(images, samples, rescale=False)[0].pred_instances
    bins = torch.cat([level[0].flatten(1).T.reshape(-1, 4, 17).softmax(-1) for level in levels])
    every = bins.max(dim=-1).values.mean(dim=-1)
    nearest = (found.loc_certainty[:, None] - every).abs().min(dim=1).values
    assert found.loc_certainty.std() > 0
    assert nearest.max() < 1e-5
    assert torch.equal(found.cls_certainty, found.scores)  # what GFL ranks by knows the IoU already


def test_side_certainty_by_hand():
    flat = torch.zeros(1, 4 * 5)
    sure = torch.full((1, 4, 5), -30.0)
    sure[..., 2] = 30.0
    two = sure.clone()
    two[:, 0] = torch.tensor([30.0, 30.0, -30, -30, -30])  # half and half on one side
    assert side_certainty(flat, 4).item() == pytest.approx(1 / 5)
    assert side_certainty(sure.flatten(1), 4).item() == pytest.approx(1)
    assert side_certainty(two.flatten(1), 4).item() == pytest.approx(3.5 / 4)
    assert side_certainty(torch.zeros(0, 20), 4).shape == (0,)


def test_v_of_a_sure_distribution_does_not_become_infinite():
    detector = with_certainty(dense_detector('gfl'))
    with torch.no_grad():
        for layer in detector.bbox_head.modules():
            if isinstance(layer, torch.nn.Conv2d) and layer.out_channels == 68:
                layer.bias.view(4, 17)[:, 3] = 200.0
    for found in answers(detector):
        assert torch.equal(found.loc_certainty, torch.ones_like(found.loc_certainty))


def test_yolox_answers_no_more_boxes_than_asked_for():
    detector = with_certainty(dense_detector('yolox'))
    detector.bbox_head.test_cfg.update(score_thr=0.0, max_per_img=7)
    detector.bbox_head.test_cfg.nms.iou_threshold = 1.0
    assert [len(found) for found in answers(detector)] == [7, 7, 7]
    del detector.bbox_head.test_cfg['max_per_img']
    places = 64 + 16 + 4
    assert [len(found) for found in answers(detector)] == [min(places, MAX_PER_IMAGE)] * 3


def test_twice_is_once_and_a_copy_answers_alike():
    detector = with_certainty(with_certainty(dense_detector('atss')))
    copied = copy.deepcopy(detector)
    assert type(copied.bbox_head) is type(detector.bbox_head)
    for one, other in zip(answers(detector), answers(copied), strict=True):
        assert torch.equal(one.loc_certainty, other.loc_certainty)
